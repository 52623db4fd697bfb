"""A fault, from its injection to the way out, and what of it is not as the registry says."""

from __future__ import annotations

from faults.fault import NOTHING, Fault
from faults.rack import Rack, words

#: Beginnings of `left` that mean: the same processes as before.
_UNTOUCHED = ("what runs goes on", "nothing was changed", "no host was c", "nothing was done", "nothing was said")


def met(rack: Rack, fault: Fault, *, short: bool = False) -> list[str]:
    """What does not hold; empty if all does. `short`: leaves out an `up` that finds nothing to change."""
    rack.plant()
    fault.inject(rack)
    before = rack.running()
    code = fault.act(rack) if fault.act is not None else rack.provision(fault.run)
    said = words(rack.said)
    why = [f"it never said `{text}`" for text in fault.sees if text not in said]
    why += [f"it ended with {code}, not {fault.code}"] if code != fault.code else []
    why += ["it called itself a bug"] if "bug:" in said or "Traceback" in said else []
    why += ["what ran does not run on"] if fault.left.startswith(_UNTOUCHED) and rack.running() != before else []
    why = [f"{fault.run}: {one}" for one in why] + ([rack.said] if why else [])
    if fault.holds is not None:
        fault.holds(rack)
    rack.repair()
    if short and fault.up == NOTHING:
        return why
    code = rack.provision("up")
    then = [f"the next `up` ended with {code}"] if code else []
    then += [f"the next `up` never said `{fault.up}`"] if fault.up not in words(rack.said) else []
    rack.invariants()
    return why + then + ([rack.said] if then else [])
