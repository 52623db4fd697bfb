"""A script is a constant body plus typed variables; a batch is many of them in one round trip.

Values never become part of the text: they arrive as single-quoted assignments in front of the body, on
standard input, so neither quoting nor `ps` can leak or break them.

Wire format of a batch (`render`), run by `sh` on the host: each fragment runs in its own subshell, with
/dev/null as standard input, and is framed on *both* streams by lines that carry a nonce the fragment
cannot guess:

    \\036<nonce> begin <index>
    …what the fragment printed…
    \\036<nonce> end <index> <exit code>

A fragment that fails ends the batch unless it is `optional`: what comes after usually stands on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from provision.secret import Secret

Value = str | int | PurePath | Secret

#: A fix prints lines with this prefix to say how far it is; they become Progress events, not output.
PROGRESS = "::progress "

_MARK = "\036"
_NAME = re.compile(r"[a-z_][a-zA-Z0-9_]*\Z")


@dataclass(frozen=True)
class Upload:
    """A file or folder of the controller that must be below `into` on the host before the script runs.

    `into` may start with `~/`. What is there already under the same name is replaced.
    """

    source: Path
    into: str


@dataclass(frozen=True)
class Script:
    """`body` is POSIX sh, the same text on every host; `vars` are set before it runs.

    `timeout` is seconds; on its end the whole remote process tree is killed. `optional`: the batch goes on
    if it fails. `uploads` are sent before the batch that holds this script.
    """

    body: str
    vars: Mapping[str, Value] = field(default_factory=dict)
    timeout: float = 60.0
    optional: bool = False
    uploads: tuple[Upload, ...] = ()


@dataclass(frozen=True)
class Fragment:
    """What one script of a batch did. `rc` is None if it was never reached or did not end."""

    rc: int | None
    stdout: str
    stderr: str

    @property
    def ok(self) -> bool:
        return self.rc == 0

    def tail(self, lines: int = 20) -> tuple[str, ...]:
        """The last non-empty lines, standard error first choice: the evidence of a failure."""
        text = self.stderr if self.stderr.strip() else self.stdout
        return tuple(line.rstrip() for line in text.splitlines() if line.strip())[-lines:]


def quote(text: str) -> str:
    """Single-quoted for sh: nothing in `text` is special any more. Raises ValueError on a NUL."""
    if "\0" in text:
        raise ValueError("a NUL byte cannot be a shell value")
    return "'" + text.replace("'", "'\\''") + "'"


def assignments(variables: Mapping[str, Value], reveal: Callable[[Secret], str]) -> str:
    lines = []
    for name, value in variables.items():
        if not _NAME.match(name):
            raise ValueError(f"`{name}` is not a shell variable name")
        text = reveal(value) if isinstance(value, Secret) else str(value)
        lines.append(f"{name}={quote(text)}\n")
    return "".join(lines)


def render(scripts: Sequence[Script], nonce: str, reveal: Callable[[Secret], str]) -> str:
    """The text that a host's `sh -s` reads. Its functions are defined whole before anything runs, so that
    no child can eat the rest of the script from standard input."""
    parts = [f"_mark() {{ printf '\\036{nonce} %s\\n' \"$*\"; printf '\\036{nonce} %s\\n' \"$*\" >&2; }}\n"]
    for index, script in enumerate(scripts):
        parts.append(f"_part_{index}() {{\n{assignments(script.vars, reveal)}{script.body}\n}}\n")
    parts.append("_main() {\n")
    for index, script in enumerate(scripts):
        stop = "" if script.optional else ' || return "$_rc"'
        parts.append(
            f"_mark begin {index}\n( _part_{index} ) </dev/null; _rc=$?\n"
            f'_mark end {index} "$_rc"\n[ "$_rc" -eq 0 ]{stop}\n'
        )
    parts.append("return 0\n}\n_main; exit $?\n")
    return "".join(parts)


class Stream:
    """Cuts one of the two output streams of a batch into fragments, as bytes arrive.

    `feed` yields (index, line) for each finished line inside a fragment; the texts and exit codes stay here.
    """

    def __init__(self, nonce: str, count: int) -> None:
        self._mark = re.compile(rf"{_MARK}{re.escape(nonce)} (begin|end) (\d+)(?: (\d+))?\Z")
        self._text: list[list[str]] = [[] for _ in range(count)]
        self._rest = b""
        self.rc: list[int | None] = [None] * count
        self.current: int | None = None

    def feed(self, data: bytes) -> Iterator[tuple[int, str]]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for raw in lines:
            yield from self._line(raw.decode("utf-8", "replace").rstrip("\r"))

    def close(self) -> Iterator[tuple[int, str]]:
        rest, self._rest = self._rest, b""
        if rest:
            yield from self._line(rest.decode("utf-8", "replace").rstrip("\r"))

    def text(self, index: int) -> str:
        return "".join(self._text[index])

    def _line(self, line: str) -> Iterator[tuple[int, str]]:
        # A fragment whose output has no final newline leaves the mark in the middle of a line.
        before, mark, after = line.rpartition(_MARK)
        match = self._mark.match(mark + after) if mark else None
        if match is None:
            before, match = line, None
        if self.current is not None and (before or match is None):
            self._text[self.current].append(before + "\n")
            yield self.current, before
        if match is not None:
            index = int(match[2])
            if match[1] == "begin":
                self.current = index
            else:
                self.rc[index] = int(match[3])
                self.current = None
