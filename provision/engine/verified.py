"""Pure: whether a change has come out as it was wanted, by what its script and the probe after it have printed."""

from __future__ import annotations

from provision.core.errors import BadOutput, NotConverged, ScriptFailed
from provision.core.plan import Change
from provision.core.resource import State
from provision.core.script import KEPT, Fragment


def verified(host: str, change: Change, fixed: Fragment, seen: Fragment) -> State:
    """What there is now. Raises ScriptFailed, BadOutput, NotConverged."""
    resource = change.step.resource
    if not fixed.ok:
        evidence, hint = resource.explain(fixed)
        message = f"{resource.label}: failed (exit code {fixed.rc})"
        raise ScriptFailed(host, message, evidence=evidence, hint=hint)
    if not seen.ok:
        raise BadOutput(host, f"{resource.label}: could not be probed afterwards", evidence=seen.tail())
    state = resource.read(seen)
    left = () if kept(change, fixed) else resource.diff(state, change.want)
    if left:
        evidence = tuple(str(d) for d in left)
        raise NotConverged(host, f"{resource.label}: still differs after it was changed", evidence=evidence)
    return state


def kept(change: Change, fixed: Fragment) -> str:
    """Why what was to be removed stays; empty if it does not."""
    said = (line for line in fixed.stdout.splitlines() if line.startswith(KEPT)) if change.want is None else ()
    return "; ".join(line.removeprefix(KEPT) for line in said)
