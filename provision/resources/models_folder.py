"""A worker's folder for models in ServerlessLLM's own format (STORAGE_PATH)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from provision.core.resource import Resource, State
from provision.core.script import Fragment, Script
from provision.payload.bundle import shell


@dataclass(frozen=True)
class ModelsFolder(Resource):
    """`path` is a folder that `user` can write, or whoever logs in if that is empty. It stays
    on the host: what it holds took long to fetch."""

    removable: ClassVar[bool] = False
    area: ClassVar[str] = "storage"
    why: ClassVar[str] = "models that ServerlessLLM fetches have no place"

    path: str
    user: str = ""

    @property
    def id(self) -> str:
        return f"models-folder:{self.path}"

    @property
    def label(self) -> str:
        return f"folder {self.path}"

    def want(self) -> State:
        return {"folder": "writable"}

    def probe(self) -> Script:
        return self._script("probe")

    def fix(self, have: State, want: State) -> Script:
        return self._script("make")

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        return failed.tail(), f"make it on the host for {self.user or 'the user who logs in'}, or set `storage_path`"

    def _script(self, what: str) -> Script:
        variables = {"what": what, "path": self.path, "user": self.user}
        return Script(shell("users.sh", "serverless/folder.sh"), variables)
