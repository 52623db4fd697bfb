"""The user who services run as, where root works and that is not the user who logs in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from provision.core.resource import Resource, State
from provision.core.script import Script, Value
from provision.payload.bundle import shell

#: Where root keeps what belongs to no cluster alone. Nobody else writes there.
SYSTEM_FOLDER = "/var/lib/provision"

#: By which a user that we made is known in passwd.
COMMENT = "made by provision"


def home_of(name: str) -> str:
    """Not the one that passwd has: a user who was there before keeps that for other things."""
    return f"{SYSTEM_FOLDER}/home/{name}"


@dataclass(frozen=True)
class SystemUser(Resource):
    """The user `name` exists, with a home of its own below /var/lib/provision. Made as a system user if missing; such a
    one is removed, by `down --purge`, when no `claim` (a cluster on a host) is left."""

    removable: ClassVar[bool | str] = "purge"
    area: ClassVar[str] = "services"
    why: ClassVar[str] = "services run as this user, who can do nothing else on the host"

    name: str
    claim: str

    @property
    def id(self) -> str:
        return f"user:{self.name}"

    @property
    def label(self) -> str:
        return f"user {self.name}"

    def want(self) -> State:
        return {"exists": "yes", "home": "yes", "claimed": "yes"}

    def probe(self) -> Script:
        return Script(shell("system_user/probe.sh"), self._variables())

    def fix(self, have: State, want: State) -> Script:
        return Script(shell("system_user/make.sh" if want else "system_user/remove.sh"), self._variables())

    def _variables(self) -> dict[str, Value]:
        return {
            "name": self.name,
            "home": home_of(self.name),
            "claims": f"{SYSTEM_FOLDER}/users/{self.name}",
            "claim": self.claim,
            "comment": COMMENT,
        }
