"""A small file with a given text, such as a program's configuration. Not for secrets: see secret_file."""

from __future__ import annotations

import base64
import difflib
import hashlib
import shlex
from collections.abc import Sequence
from typing import ClassVar

from provision.core.resource import Difference, Resource, State
from provision.core.script import Fragment, Script, Value
from provision.core.values import dataclass
from provision.payload.bundle import shell

#: Who else could change what is at a path, and with whose rights it is touched.
_RIGHTS = ("files/trust.sh", "files/rights.sh")

OTHER = Difference("content", "as given", "another")

#: Of a difference between two texts, as many are shown.
LINES = 40


def file_script(name: str, path: str, owner: str, **more: Value) -> Script:
    """`probe`, `secret`, `write` or `remove` of payload/files, for the file at `path`."""
    variables = {"path": path, "owner": owner, **more}
    if name == "write":
        variables["put"] = shell("files/put.sh")
    return Script(shell(*_RIGHTS, f"files/{name}.sh"), variables)


# How the program that writes ends its refusal (payload/files/write.sh).
_A_FOLDER = " is a folder"


@dataclass(frozen=True)
class TextFile(Resource):
    """`path` holds `text` and nothing else, with `mode` (octal digits), owned by `owner` where that is given.

    It is never written through a link. Below a folder that others could change nothing is written; with `sudo`, what
    lies below a folder of `owner`, or of whoever logged in, is written with that user's rights, and is theirs. Folders
    that are made for it have a file `.made-by-provision` in them, and go with it while nothing else is there.
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
        return file_script("probe", self.path, self.owner, wanted=str((self.want() or {})["sha256"]))

    def fix(self, have: State, want: State) -> Script:
        if want is None:
            return file_script("remove", self.path, self.owner)
        return file_script("write", self.path, self.owner, text=self.text, mode=self.mode)

    def read(self, fragment: Fragment) -> State:
        state = dict(super().read(fragment) or {})
        if "text" in state:
            try:
                state["text"] = base64.b64decode(state["text"], validate=True).decode("utf-8", errors="replace")
            except ValueError:  # it holds a secret, which is masked by now
                del state["text"]
        return state or None

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        return in_its_place(failed)

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        return in_words(super().diff(have, want))

    def in_plan(self, have: State, differences: Sequence[Difference]) -> tuple[str, ...]:
        """Which lines of it change."""
        said = [str(difference) for difference in differences if difference != OTHER]
        if have is None or "text" not in have or OTHER not in differences:
            return super().in_plan(have, differences)
        before, after = have["text"].splitlines(), self.text.splitlines()
        # The first two name the files.
        lines = list(difflib.unified_diff(before, after, n=1, lineterm=""))[2:]
        more = [f"… {len(lines) - LINES} more lines"] if len(lines) > LINES else []
        return (*said, *(lines[:LINES] or ["only the end of its last line differs"]), *more)


def in_its_place(failed: Fragment) -> tuple[tuple[str, ...], str]:
    """Evidence and hint where a file could not be written: a folder is nobody's to remove unseen."""
    said = failed.tail()
    folder = next((line.removesuffix(_A_FOLDER) for line in said if line.endswith(_A_FOLDER)), "")
    return said, f"move it away on the host: `mv {shlex.quote(folder)} {shlex.quote(folder)}.was`" if folder else ""


def in_words(differences: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """A digest says nothing to a person, and of a short secret too much to others."""
    return tuple(OTHER if difference.aspect == "sha256" else difference for difference in differences)
