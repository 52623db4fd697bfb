"""How a service's secrets are compared: on the host, with what the last start was given.

A state says of a secret that it is as given, another, or absent. No digest of one reaches the controller, and what the
host keeps of it is made with a key that never leaves the host (payload/service/secrets.sh).
"""

from __future__ import annotations

from collections.abc import Mapping

from provision.core.script import Value
from provision.core.secret import Secret
from provision.core.urls import masked

#: What is wanted of a secret, and what the host says if it is so.
AS_GIVEN = "as given"

#: The file beside a service's library that compares.
COMPARE = "service/secrets.sh"


def is_secret(value: str | Secret) -> bool:
    """A password in a URL, as of a proxy, is as good as one alone; and what a host shows of it comes back masked."""
    return isinstance(value, Secret) or masked(value) != value


def secret_aspects(environment: Mapping[str, str | Secret]) -> dict[str, Secret]:
    """The secrets among the variables of a service, by the aspect that a state has for them."""
    hidden = {name: value for name, value in environment.items() if is_secret(value)}
    return {f"${k}": v if isinstance(v, Secret) else Secret(v, k) for k, v in hidden.items()}


def secret_variables(secrets: Mapping[str, Secret]) -> dict[str, Value]:
    """What a script that compares `secrets`, by aspect, is given."""
    found: dict[str, Value] = {"secrets": len(secrets)}
    for index, (aspect, value) in enumerate(secrets.items()):
        found |= {f"aspect_{index}": aspect, f"secret_{index}": value}
    return found
