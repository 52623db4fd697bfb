"""The user who services run as, where root works and that is not the user who logs in."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import ClassVar

from provision.core.finding import Finding, Known, Severity
from provision.core.resource import Difference, Resource, State
from provision.core.script import Script, Value
from provision.core.values import dataclass
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
    one is removed, by `down --purge`, when no `claim` (`cluster@host`) is left.

    One who was there before, and could become root or log in, blocks `up`, unless the inventory has `chosen` that user
    by name. `reach`: a folder that the user must be able to go to.
    """

    removable: ClassVar[bool | str] = "purge"
    first: ClassVar[bool] = True
    area: ClassVar[str] = "services"
    why: ClassVar[str] = "services run as this user, who can do nothing else on the host"

    name: str
    claim: str
    chosen: bool = True
    reach: str = ""

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

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        """Who it is that has the name says nothing of whether the cluster has the user."""
        return super().diff(have if have is not None and "claimed" in have else None, want)

    def blockers(self, have: State) -> tuple[Finding, ...]:
        return tuple(self._refusals(have or {}))

    def known(self, have: State) -> tuple[Known, ...]:
        """Of one whom the inventory has chosen: what comes with that."""
        rights = _rights(have or {})
        return (Known(self.area, self.label, ", ".join(rights)),) if rights else ()

    def _refusals(self, have: Mapping[str, str]) -> Iterator[Finding]:
        rights, shell = _rights(have), have.get("shell", "")
        host, name = self.claim.partition("@")[2], self.name
        other = f"set `run_as` to a name that is free on {host}"
        if "root" in have:
            said = f"{name} is root, and services are to run as an ordinary user"
            yield self._block(said, "whoever controls the model server would be root", other)
        elif not self.chosen and rights:
            said = f"the user {name}, whom services would run as, {' and '.join(rights)}"
            why = "whoever controls the model server would have these rights"
            yield self._block(said, why, f"{other}, or take them from {name}")
        elif not self.chosen and shell:
            said = f"the user {name}, whom services would run as, is somebody's account: its shell is {shell}"
            why = "whoever controls the model server would have that account"
            lock = f"sudo usermod --shell /usr/sbin/nologin {name}"
            yield self._block(said, why, f"{other}, or, if nobody logs in as {name}, run `{lock}` on {host}")
        holder, _, path = have.get("closed", "").partition("|")
        if path:
            said = f"services cannot go to {self.reach} as {name}: {path} ({holder}) is closed to others"
            why = "what they run is there"
            yield self._block(said, why, f"run `sudo chmod o+x {shlex.quote(path)}` on {host}, or set another `root`")

    def _block(self, said: str, why: str, hint: str) -> Finding:
        host = self.claim.partition("@")[2]
        return Finding(host, self.area, self.label, Severity.BLOCKS, said=said, why=why, hint=hint)

    def fix(self, have: State, want: State) -> Script:
        return Script(shell("system_user/make.sh" if want else "system_user/remove.sh"), self._variables())

    def _variables(self) -> dict[str, Value]:
        return {
            "name": self.name,
            "home": home_of(self.name),
            "claims": f"{SYSTEM_FOLDER}/users/{self.name}",
            "claim": self.claim,
            "comment": COMMENT,
            "reach": self.reach,
            "way": f'{shell("files/way.sh")}\nclosed "$1"',
        }


def _rights(have: Mapping[str, str]) -> list[str]:
    """By which one could become root."""
    groups = have.get("groups", "")
    found = [f"is in the group{'s' if ', ' in groups else ''} {groups}"] if groups else []
    return [*found, "may use sudo"] if "sudo" in have else found
