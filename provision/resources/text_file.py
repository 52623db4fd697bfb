"""A small file with a given text, such as a program's configuration. Not for secrets: see secret_file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

from provision.core.resource import Difference, Resource, State
from provision.core.script import Script
from provision.payload.bundle import shell

PROBE, WRITE = "files/probe.sh", "files/write.sh"
REMOVE = 'rm -f -- "$path" "$path.new"'


@dataclass(frozen=True)
class TextFile(Resource):
    """`path` holds `text` and nothing else, with `mode` (octal digits), owned by `owner` where that is given."""

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
        return Script(shell(PROBE), {"path": self.path})

    def fix(self, have: State, want: State) -> Script:
        if want is None:
            return Script(REMOVE, {"path": self.path})
        return Script(shell(WRITE), {"path": self.path, "text": self.text, "mode": self.mode, "owner": self.owner})

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        return in_words(super().diff(have, want))


def in_words(differences: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """A digest says nothing to a person, and of a short secret too much to others."""
    other = Difference("content", "as given", "another")
    return tuple(other if difference.aspect == "sha256" else difference for difference in differences)
