"""A script is a constant body plus typed variables, and what it printed.

Values never become part of the text: they arrive as single-quoted assignments in front of the body, on
standard input, so neither quoting nor `ps` can leak or break them.

A batch is many of them in one round trip: provision/core/batch.py says how it is written, and what it prints.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path, PurePath
from typing import Protocol

from provision.core.regex import regex
from provision.core.secret import Secret
from provision.core.values import dataclass

Value = str | int | PurePath | Secret

#: A fix prints lines with this prefix to say how far it is; they become Progress events, not output.
PROGRESS = "::progress "

#: A fix prints lines with this prefix to say what it has proved; they become Note events, always shown.
NOTE = "::note "

#: A fix that removes prints a line with this prefix where it leaves what it was to remove, and why.
KEPT = "::kept "

#: Characters kept of one fragment's output on one stream.
LONGEST_TEXT = 32 * 2**20

#: What a line that frames the output of a script begins with.
MARK = "\036"
# What follows a batch's nonce. One pattern for all batches: compiling one for each costs more than a batch's parsing.
_FRAME = regex(r"(begin|end|exit) (\d+)(?: (\d+))?\Z")
_NAME = regex(r"[a-z_][a-zA-Z0-9_]*\Z")


@dataclass(frozen=True)
class Upload:
    """A file or folder of the controller that must be below `into` on the host before the script runs.

    `into` may start with `~/`. What is there already under the same name is replaced. `user`: where root works, all is
    done with the rights of that user, for whom the folder `made` is made first, if it is not there and nobody but root
    can write on the way to it. What is missing above `made` root makes so that others can go through it.
    """

    source: Path
    into: str
    user: str = ""
    made: str = ""


@dataclass(frozen=True)
class Script:
    """`body` is POSIX sh, the same text on every host; `vars` are set before it runs.

    `timeout` is seconds; on its end the whole remote process tree is killed. `optional`: the batch goes on
    if it fails. `uploads` are sent before the batch that holds this script. `private`: what it prints is a secret, for
    the caller alone: no line of it is heard, none is evidence. `whole`: its lines are heard once it has ended, all at
    once; for what looks, prints little, and leaves nothing running. Each line on its own is a packet, which costs both
    ends more than most of what is looked at. `before`: what is run in front of it, with variables of its own; several
    may have the same one, which then defines and looks, and does not end its shell.
    """

    body: str
    vars: Mapping[str, Value] = field(default_factory=dict)
    timeout: float = 60.0
    optional: bool = False
    uploads: tuple[Upload, ...] = ()
    private: bool = False
    whole: bool = False
    before: Script | None = None

    def alone(self) -> Script:
        """The same with nothing before it."""
        if self.before is None:
            return self
        body = f"{self.before.body}\n{self.body}"
        return replace(self, body=body, vars={**self.before.vars, **self.vars}, before=None)


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


def environment(variables: Mapping[str, Value]) -> dict[str, Value]:
    """The variables of a script that gives a program `variables` as its environment (payload/environment.sh): numbered,
    since a name among them may be one of the script's own."""
    found: dict[str, Value] = {"names": len(variables)}
    for index, (name, value) in enumerate(variables.items()):
        found |= {f"name_{index}": name, f"value_{index}": value}
    return found


def is_text(value: str) -> bool:
    """Whether it can be sent to a host: bytes of a command line that are no UTF-8 cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


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


class Cleaner(Protocol):
    """What masks secrets in lines."""

    def quiet(self, line: str) -> bool:
        """Whether it is quickly seen that nothing is masked in `line`, also not with what comes next: in most."""

    def holds(self, lines: Sequence[str]) -> bool:
        """Whether the last line may go on in the next one with what began in `lines`."""

    def joined(self, lines: Sequence[str]) -> list[str]:
        """As many lines, with masks."""


class Stream:
    """Cuts one of the two output streams of a batch into fragments, as bytes arrive.

    `feed` returns (index, line) for each finished line inside a fragment; the texts and exit codes stay here.
    Every line goes through `clean` before anything else sees it; one that may end in the middle of a secret waits for
    the next. Those of the fragments `private` do not: a secret that the caller asks for may hold a part of one it has.
    """

    def __init__(
        self, nonce: str, count: int, clean: Cleaner | None = None, *, private: frozenset[int] = frozenset()
    ) -> None:
        self._mark = f"{nonce} "
        self._every, self._private = clean, private
        self._text = [_Text() for _ in range(count)]
        self._preamble = _Text()
        self._held: list[str] = []
        self._rest: list[bytes] = []
        self._rest_size = 0
        self.rc: list[int | None] = [None] * count
        self.current: int | None = None
        #: The batch's exit code, once it is over.
        self.exit: int | None = None

    def feed(self, data: bytes) -> list[tuple[int, str]]:
        first, newline, others = data.partition(b"\n")
        self._rest.append(first)
        self._rest_size += len(first)
        if not newline:
            return self.close() if self._rest_size > LONGEST_TEXT else []
        heard = self.close(blank=True)
        *lines, rest = others.split(b"\n")
        for raw in lines:
            self._line(raw, heard)
        self._rest, self._rest_size = [rest], len(rest)
        return heard

    def close(self, *, blank: bool = False) -> list[tuple[int, str]]:
        """What there is of a line without an end; `blank`: even if there is nothing."""
        heard: list[tuple[int, str]] = []
        raw, self._rest, self._rest_size = b"".join(self._rest), [], 0
        if raw or blank:
            self._line(raw, heard)
        if not blank:
            self._release(heard)
        return heard

    def text(self, index: int) -> str:
        self._release([])  # it is part of the text now
        return self._text[index].joined()

    @property
    def preamble(self) -> str:
        """What was printed before the first fragment: by a login shell, or by sudo."""
        if self.current is None:
            self._release([])
        return self._preamble.joined()

    @property
    def _clean(self) -> Cleaner | None:
        return None if self.current in self._private else self._every

    def _line(self, raw: bytes, heard: list[tuple[int, str]]) -> None:
        line, clean = raw.decode("utf-8", "replace").rstrip("\r"), self._clean
        if MARK not in line and not self._held and (clean is None or clean.quiet(line)):
            self._add(line, heard)
            return
        # A fragment whose output has no final newline leaves the mark in the middle of a line.
        before, mark, after = line.rpartition(MARK)
        found = _FRAME.match(after, len(self._mark)) if mark and after.startswith(self._mark) else None
        if found is None:
            before = line
        if before or found is None:
            self._held.append(before)
            if found is not None or clean is None or not clean.holds(self._held):
                self._release(heard)
        if found is None:
            return
        self._release(heard)
        if found[1] == "begin":
            self.current = int(found[2])
        elif found[1] == "end":
            self.rc[int(found[2])] = int(found[3])
            self.current = None
        else:
            self.exit = int(found[2])

    def _release(self, heard: list[tuple[int, str]]) -> None:
        held, self._held = self._held, []
        for line in self._clean.joined(held) if self._clean is not None and held else held:
            self._add(line, heard)

    def _add(self, line: str, heard: list[tuple[int, str]]) -> None:
        if self.current is not None:
            self._text[self.current].add(line)
            heard.append((self.current, line))
        elif not any(rc is not None for rc in self.rc):
            self._preamble.add(line)


class _Text:
    """Lines, of which the last LONGEST_TEXT characters are kept: a fragment that prints without end must
    not fill the controller's memory."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque()
        self._size = 0
        self._dropped = 0

    def add(self, line: str) -> None:
        self._lines.append(line)
        self._size += len(line) + 1
        while self._size > LONGEST_TEXT and len(self._lines) > 1:
            self._size -= len(self._lines.popleft()) + 1
            self._dropped += 1

    def joined(self) -> str:
        note = [f"… {self._dropped} lines left out …"] if self._dropped else []
        return "".join(f"{line}\n" for line in (*note, *self._lines))
