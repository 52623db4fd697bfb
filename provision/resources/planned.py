"""What a plan says of a service that is to be restarted."""

from __future__ import annotations

from collections.abc import Sequence

from provision.core.resource import Difference

#: The aspect that names the environment which a service is started from.
ENVIRONMENT = "environment"


def service_lines(differences: Sequence[Difference]) -> tuple[str, ...]:
    """Of another environment that it is another: which packages differ is said of the environment itself, and paths
    below it say nothing more."""
    moved = next((d for d in differences if d.aspect == ENVIRONMENT and d.found and d.expected), None)
    if moved is None:
        return tuple(map(str, differences))
    old, new = moved.found or "", moved.expected or ""
    others = [d for d in differences if (d.found or "").replace(old, new) != d.expected]
    return ("another environment", *map(str, others))
