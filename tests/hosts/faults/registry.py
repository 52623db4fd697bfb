"""All faults, by kind."""

from faults import controller, disk, host, input, membership, network, operator, process, state, when
from faults.fault import KINDS, Fault

FAULTS: list[Fault] = sorted(
    [f for m in (network, host, disk, process, controller, operator, membership, state, input, when) for f in m.FAULTS],
    key=lambda fault: KINDS.index(fault.kind),
)
