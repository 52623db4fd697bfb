"""Of a connection that broke, another one tells whether the host was rebooted or is gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from provision.core.errors import ConnectionLost, ConnectTimeout, HostError, ScriptFailed, Unreachable
from provision.core.script import Fragment
from provision.transport import aftermath as module
from provision.transport.aftermath import aftermath

LOST = "the connection broke: Socket is closed"


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAUSE", 0.0)


def lost() -> ConnectionLost:
    error = ConnectionLost("gpu-02", LOST, hint="run it again")
    error.index = 4
    return error


def told(answer: str | HostError, error: HostError | None = None, *, opened_before: float = 60.0) -> HostError:
    class Answering:
        def run(self, scripts: object, timeout: float) -> list[Fragment]:
            assert isinstance(answer, str)
            return [Fragment(0, answer, "")]

    @contextmanager
    def another() -> Iterator[Answering]:
        if isinstance(answer, HostError):
            raise answer
        yield Answering()

    return aftermath(error or lost(), time.monotonic() - opened_before, another, threading.Event())  # type: ignore[arg-type]


def test_a_host_that_was_started_since_was_rebooted() -> None:
    found = told("12\n13:02\n")
    assert isinstance(found, ConnectionLost) and found.index == 4
    assert (found.message, found.hint) == ("the host was rebooted at 13:02", "run it again")


@pytest.mark.parametrize("answer", ["7200\n11:02\n", "", "what\n", "-5\n13:02\n"])
def test_otherwise_the_connection_broke_and_no_more_is_said(answer: str) -> None:
    assert told(answer).message == LOST


def test_a_host_that_does_not_answer_any_more_is_unreachable() -> None:
    found = told(ConnectTimeout("gpu-02", "no answer from `10.0.0.2` port 22 within 2 s", hint="is it up?"))
    assert isinstance(found, Unreachable) and found.exit_code == 4
    assert found.message == f"{LOST}, and since then: no answer from `10.0.0.2` port 22 within 2 s"
    assert found.hint == "is it up?"


def test_what_is_no_broken_connection_stays_what_it_is() -> None:
    failed = ScriptFailed("gpu-02", "it failed")
    assert told("12\n13:02\n", failed) is failed
    assert told(ScriptFailed("gpu-02", "no session")).message == LOST
