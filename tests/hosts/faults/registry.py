"""All faults, by kind."""

from faults import controller, disk, host, input, membership, network, operator, process, state, underfoot, when
from faults.fault import KINDS, Fault

_MODULES = (network, host, disk, process, controller, operator, membership, state, input, when, underfoot)

FAULTS: list[Fault] = sorted(
    [fault for module in _MODULES for fault in module.FAULTS],
    key=lambda fault: KINDS.index(fault.kind),
)
