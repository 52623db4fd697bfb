"""What lies in a cluster's folder on a host and is no step's: of an inventory, a playbook or a version of before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from provision.core.resource import Difference, Resource, State
from provision.core.script import Fragment, Script
from provision.core.values import dataclass
from provision.payload.bundle import shell


@dataclass(frozen=True)
class Rest(Resource):
    """Nothing is in `folder`, which is one that provision made, but what is called one of `covered`: services that
    the inventory has no more, their keys and certificates."""

    area: ClassVar[str] = "storage"
    why: ClassVar[str] = "a private key or a token in it would outlive the cluster"

    folder: str
    covered: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"rest:{self.folder}"

    @property
    def label(self) -> str:
        return f"the rest of {'/'.join(self.folder.rsplit('/', 2)[-2:])}"

    def want(self) -> State:
        return None

    def probe(self) -> Script:
        return self._script("")

    def read(self, fragment: Fragment) -> State:
        names = [line.partition("=")[2] for line in fragment.stdout.splitlines() if line.startswith("left=")]
        return {"left": ", ".join(names)} if names else None

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        return () if have is None else (Difference("", None, have["left"]),)

    def in_plan(self, have: State, differences: Sequence[Difference]) -> tuple[str, ...]:
        return () if have is None else (have["left"],)

    def fix(self, have: State, want: State) -> Script:
        return self._script("yes")

    def _script(self, remove: str) -> Script:
        body = shell("files/trust.sh", "files/rights.sh", "files/rest.sh")
        return Script(body, {"folder": self.folder, "covered": "\n".join(self.covered), "remove": remove}, timeout=120)
