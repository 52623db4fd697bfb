"""The token of a Ray cluster as its hosts have it: asked before there is a plan, which goes by what the hosts have."""

from __future__ import annotations

from dataclasses import field

from provision.core.mark import Mark
from provision.core.script import Fragment, Script, Value
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.payload.bundle import shell
from provision.resources.ray import TOKEN
from provision.resources.service import LIBRARY
from provision.resources.service_secrets import COMPARE


@dataclass(frozen=True)
class HeldToken:
    """What a host says. `used`: its Ray was started with `token`; `mine`: with the one that the controller has. Of one
    that was asked in short: `same`, that it has that one; `none`, that it has none, nor a Ray."""

    token: str = field(default="", repr=False)
    used: bool = False
    mine: bool = False
    same: bool = False
    none: bool = False


def token_question(cluster: str, host: str, root: str, mine: Secret | None) -> Script:
    variables = {
        **{"root": root, "cluster": cluster, "host": host, "mark": str(Mark(cluster, host, "ray"))},
        **{"runtimes": "", "user": "", "aspect": TOKEN, "mine": mine or ""},
    }
    files = ("files/trust.sh", *LIBRARY, COMPARE, "ray/token_file.sh", "ray/token.sh")
    return Script(shell(*files), variables, private=True)


def same_token_question(cluster: str, host: str, root: str, mine: Secret) -> Script:
    """The short form of it: most often all hosts have the one that the controller has, and what their Ray was started
    with makes no difference to which one that is."""
    variables: dict[str, Value] = {"root": root, "cluster": cluster, "host": host, "mine": mine}
    return Script(shell("files/trust.sh", "ray/token_file.sh", "ray/same_token.sh"), variables, private=True)


def read_token(fragment: Fragment) -> HeldToken:
    if not fragment.ok:
        return HeldToken()
    if fragment.stdout in ("same=yes\n", "none=yes\n"):
        return HeldToken(same=fragment.stdout == "same=yes\n", none=fragment.stdout == "none=yes\n")
    said, _, token = fragment.stdout.rpartition("token=")
    lines = said.splitlines()
    return HeldToken(token.rstrip("\n"), "used=yes" in lines, "mine=yes" in lines)


def token_secrets(fragment: Fragment) -> tuple[Secret, ...]:
    """What is to be masked in whatever a host says from then on."""
    token = read_token(fragment).token
    return (Secret(token, "RAY_AUTH_TOKEN"),) if token else ()
