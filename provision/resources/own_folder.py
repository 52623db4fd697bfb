"""The folder that a cluster has on a host, which goes once nothing is in it any more."""

from __future__ import annotations

from typing import ClassVar

from provision.core.resource import Resource, State
from provision.core.script import Script
from provision.core.values import dataclass
from provision.payload.bundle import shell


@dataclass(frozen=True)
class OwnFolder(Resource):
    """`folder`, which is one that provision made, is not there, and those above it that were made for such folders are
    not, if nothing else is in them. What is in it is others' to remove: while it is there, the folder stays, too."""

    removable: ClassVar[bool | str] = "purge"
    area: ClassVar[str] = "storage"
    why: ClassVar[str] = "an empty folder says that there is a cluster"

    folder: str

    @property
    def id(self) -> str:
        return f"folder:{self.folder}"

    @property
    def label(self) -> str:
        return f"the folder of {'/'.join(self.folder.rsplit('/', 2)[-2:])}"

    def want(self) -> State:
        return None

    def probe(self) -> Script:
        return self._script("")

    def fix(self, have: State, want: State) -> Script:
        return self._script("yes")

    def _script(self, remove: str) -> Script:
        body = shell("files/trust.sh", "files/rights.sh", "files/own_folder.sh")
        return Script(body, {"folder": self.folder, "remove": remove}, timeout=60)
