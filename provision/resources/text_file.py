"""A small file with a given text, such as a program's configuration. Not for secrets: see secret_file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from provision.core.resource import Difference, Resource, State
from provision.core.script import Script, Value
from provision.payload.bundle import shell

#: Who else could change what is at a path, and with whose rights it is touched.
_RIGHTS = ("files/trust.sh", "files/rights.sh")


def file_script(name: str, path: str, owner: str, **more: Value) -> Script:
    """`probe`, `secret`, `write` or `remove` of payload/files, for the file at `path`."""
    variables = {"path": path, "owner": owner, **more}
    if name == "write":
        variables["put"] = shell("files/put.sh")
    return Script(shell(*_RIGHTS, f"files/{name}.sh"), variables)


@dataclass(frozen=True)
class TextFile(Resource):
    """`path` holds `text` and nothing else, with `mode` (octal digits), owned by `owner` where that is given.

    It is never written through a link. Below a folder that others could change nothing is written; with `sudo`, what
    lies below a folder of `owner`, or of whoever logged in, is written with that user's rights, and is theirs.
    """

    why: ClassVar[str] = "the programs that read it use its present content"

    path: str
    text: str
    mode: str = "644"
    owner: str = ""

    @property
    def id(self) -> str:
        return f"file:{self.path}"

    @property
    def label(self) -> str:
        return f"file {self.path.rsplit('/', 1)[-1]}"

    def want(self) -> State:
        owner = {"owner": self.owner} if self.owner else {}
        return {"sha256": hashlib.sha256(self.text.encode()).hexdigest(), "mode": self.mode, **owner}

    def probe(self) -> Script:
        return file_script("probe", self.path, self.owner)

    def fix(self, have: State, want: State) -> Script:
        if want is None:
            return file_script("remove", self.path, self.owner)
        return file_script("write", self.path, self.owner, text=self.text, mode=self.mode)

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        return in_words(super().diff(have, want))


def in_words(differences: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """A digest says nothing to a person, and of a short secret too much to others."""
    other = Difference("content", "as given", "another")
    return tuple(other if difference.aspect == "sha256" else difference for difference in differences)
