"""When a batch has been followed to its end: what arrives last is heard, and what did not arrive is not taken for
nothing said."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from provision.core.errors import ConnectionLost
from provision.core.script import Fragment, Script
from provision.transport import batch
from provision.transport.batch import Batch
from provision.transport.pipe import Pipe

NONCE = "n0nce"
BEGUN, ANSWERED = f"\036{NONCE} begin 0\n".encode(), f"\036{NONCE} end 0 0\n\036{NONCE} exit 0\n".encode()


class Plain:
    def holds(self, lines: object) -> bool:
        return False

    def joined(self, lines: Iterable[str]) -> list[str]:
        return list(lines)


@dataclass
class Host:
    """What it sends, one after the other. `None`: nothing, and when that has been read its command has ended."""

    sent: list[tuple[bytes, bytes] | None]
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
            self.status = 0
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


@pytest.mark.parametrize("errors", [b"", ANSWERED], ids=["nothing", "standard error alone"])
def test_an_answer_that_did_not_arrive_whole_is_none(errors: bytes) -> None:
    with pytest.raises(ConnectionLost, match="connection broke"):
        run(Host([(BEGUN, BEGUN), (b"half of", errors), None]))
