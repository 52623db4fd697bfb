"""What a plan, and a check, say of a service that is to be restarted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provision.core.resource import Difference
from provision.resources.staying import STAYS_UP

#: The aspect that names the environment which a service is started from.
ENVIRONMENT = "environment"

_BY_ITSELF = "started again by itself"


def service_lines(differences: Sequence[Difference]) -> tuple[str, ...]:
    """Of another environment that it is another: which packages differ is said of the environment itself, and paths
    below it say nothing more."""
    moved = next((d for d in differences if d.aspect == ENVIRONMENT and d.found and d.expected), None)
    if moved is None:
        return tuple(map(_line, differences))
    old, new = moved.found or "", moved.expected or ""
    others = [d for d in differences if (d.found or "").replace(old, new) != d.expected]
    return ("another environment", *map(_line, others))


def in_words(difference: Difference) -> tuple[str, str] | None:
    """How the service is and is to be, not what its probe prints: `not running: its process is gone` for `no: …`;
    None of anything else."""
    if difference.aspect == STAYS_UP:
        return _staying(difference)
    if difference.aspect not in ("running", "ready") or difference.expected != "yes":
        return None
    said, _, why = (difference.found or "no").partition(": ")
    found = f"not {difference.aspect}{f': {why}' if why else ''}" if said == "no" else difference.found or ""
    return found, difference.aspect


def _staying(difference: Difference) -> tuple[str, str]:
    if difference.expected is None:
        return _BY_ITSELF, "not: stay_up is false, or who logs in does not linger"
    why = (difference.found or "").partition(": ")[2]
    return f"not {_BY_ITSELF}{f': {why}' if why else ''}", _BY_ITSELF


def _line(difference: Difference) -> str:
    return " → ".join(in_words(difference) or ()) or str(difference)


def condition(have: Mapping[str, str]) -> str:
    """What `check` shows of a service that is there."""
    if have.get("running") != "yes":
        return "not running"
    if "ready" not in have:
        return "not ready"
    return "running" if have.get("health") == "ok" else have.get("health", "not well")
