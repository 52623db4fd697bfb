"""The token of a Ray cluster as its hosts have it: asked before there is a plan, which goes by what the hosts have."""

from __future__ import annotations

from dataclasses import field

from provision.core.mark import Mark
from provision.core.script import Fragment, Script
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.payload.bundle import shell
from provision.resources.ray import TOKEN
from provision.resources.service import LIBRARY
from provision.resources.service_secrets import COMPARE


@dataclass(frozen=True)
class HeldToken:
    """What a host says. `used`: its Ray was started with `token`; `mine`: with the one that the controller has."""

    token: str = field(default="", repr=False)
    used: bool = False
    mine: bool = False


def token_question(cluster: str, host: str, root: str, mine: Secret | None) -> Script:
    variables = {
        **{"root": root, "cluster": cluster, "host": host, "mark": str(Mark(cluster, host, "ray"))},
        **{"runtimes": "", "user": "", "aspect": TOKEN, "mine": mine or ""},
    }
    return Script(shell("files/trust.sh", *LIBRARY, COMPARE, "ray/token.sh"), variables, private=True)


def read_token(fragment: Fragment) -> HeldToken:
    said, _, token = fragment.stdout.rpartition("token=") if fragment.ok else ("", "", "")
    lines = said.splitlines()
    return HeldToken(token.rstrip("\n"), "used=yes" in lines, "mine=yes" in lines)


def token_secrets(fragment: Fragment) -> tuple[Secret, ...]:
    """What is to be masked in whatever a host says from then on."""
    token = read_token(fragment).token
    return (Secret(token, "RAY_AUTH_TOKEN"),) if token else ()
