"""When a batch has been followed to its end: what arrives last is heard, and what did not arrive is not taken for
nothing said."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from provision.core.errors import ConnectionLost, ScriptFailed
from provision.core.script import Fragment, Script
from provision.transport import batch
from provision.transport.batch import Batch
from provision.transport.pipe import Pipe

NONCE = "n0nce"
BEGUN, ANSWERED = f"\036{NONCE} begin 0\n".encode(), f"\036{NONCE} end 0 0\n\036{NONCE} exit 0\n".encode()


class Plain:
    def quiet(self, line: str) -> bool:
        return True

    def holds(self, lines: object) -> bool:
        return False

    def joined(self, lines: Iterable[str]) -> list[str]:
        return list(lines)


@dataclass
class Host:
    """What it sends, one after the other. `None`: nothing, and when that has been read its command has ended, with
    `code`, and then the connection `breaks`."""

    sent: list[tuple[bytes, bytes] | None]
    code: int = 0
    breaks: bool = False
    status: int | None = None
    stays: bool = False
    closed: bool = False
    answers: Iterator[tuple[bytes, bytes] | None] = field(init=False)
    over: bool = False

    def __post_init__(self) -> None:
        self.answers = iter(self.sent)

    @property
    def channel(self) -> Host:
        return self

    def exit_status_ready(self) -> bool:
        return self.status is not None

    def read(self, timeout: float) -> tuple[bytes, bytes]:
        found = next(self.answers, None)
        if found is None:
            self.over, self.status = self.breaks, None if self.breaks else self.code
            return b"", b""
        return found

    def send(self, data: bytes, timeout: float) -> None:
        pass

    def ended(self, timeout: float) -> bool:
        return True

    def cut(self, patience: float) -> bool:
        return True


def run(host: Host) -> list[Fragment]:
    one = Batch("gpu-01", cast("Pipe", host), [Script("x")], NONCE, Plain(), lambda *_: None, threading.Event())
    return one.run(b"", None)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of a second passes between two looks at it."""
    tenths = iter(range(10**6))
    monkeypatch.setattr(batch, "time", SimpleNamespace(monotonic=lambda: next(tenths) / 10))


def test_what_came_while_it_was_seen_that_the_command_had_ended_is_heard() -> None:
    """The answer of a script that was silent, and its end, arrive between the look for the one and for the other."""
    quiet = [(b"", b"")] * 50
    host = Host([(BEGUN, BEGUN), *quiet, None, (b'{"taken": {}}\n' + ANSWERED, ANSWERED)])
    assert run(host) == [Fragment(0, '{"taken": {}}\n', "")]


def test_what_takes_seconds_to_come_through_is_heard() -> None:
    """A startup file has a filter between; there is no end of the output yet."""
    late = [(b"", b"")] * 10
    assert run(Host([(BEGUN, BEGUN), None, *late, (b"well\n" + ANSWERED, ANSWERED)])) == [Fragment(0, "well\n", "")]


def test_standard_error_that_a_startup_file_has_taken_is_not_waited_for() -> None:
    """Also of a command that stays, such as a lease."""
    host = Host([(BEGUN, b""), (b"well\n" + ANSWERED, b""), *[(b"", b"")] * 50, (b"", BEGUN + b"late")])
    assert run(host) == [Fragment(0, "well\n", "")]


@pytest.mark.parametrize("errors", [b"", ANSWERED], ids=["nothing", "standard error alone"])
def test_an_answer_that_did_not_arrive_whole_is_none(errors: bytes) -> None:
    """Either the connection broke, or a startup file keeps standard output for itself."""
    with pytest.raises(ConnectionLost, match="connection broke"):
        run(Host([(BEGUN, BEGUN), (b"half of", errors), None], breaks=True))
    with pytest.raises(ScriptFailed, match="printed did not come through") as caught:
        run(Host([(BEGUN, BEGUN), (b"half of", errors), None]))
    assert "redirects standard output" in caught.value.hint


def test_a_script_that_was_killed_is_told_by_its_exit_code() -> None:
    """The kernel's killer leaves no time for last words."""
    assert run(Host([(BEGUN, BEGUN), (b"half of\n", b""), None], code=137)) == [Fragment(137, "half of\n", "")]
