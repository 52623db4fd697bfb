"""How fast bytes leave, by a clock of the test's own."""

import threading

import pytest

from provision.payload.relay import host
from provision.transport import pace
from provision.transport.pace import Pace


class Clock(threading.Event):
    """Is what is waited on, too."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.wait(seconds)

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        if timeout:
            self.waits.append(timeout)
        self.now += timeout
        return False


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pace, "time", made)
    monkeypatch.setattr(host, "time", made)
    return made


def test_each_waits_until_what_was_before_it_may_have_left(clock: Clock) -> None:
    paced = Pace(1000, clock)
    for size in (500, 2000, 1):
        paced.take(size)
    assert clock.waits == [0.5, 2.0]


def test_what_was_not_used_is_not_kept_for_later(clock: Clock) -> None:
    paced = Pace(1000, clock)
    paced.take(1000)
    clock.now += 60
    paced.take(1000)
    paced.take(1000)
    assert clock.waits == [1.0]


def test_without_a_limit_nobody_waits(clock: Clock) -> None:
    paced = Pace(0, clock)
    paced.take(1 << 40)
    paced.take(1 << 40)
    assert clock.waits == []


@pytest.mark.parametrize(("rate", "waits"), [(1000, [2.0, 2.0]), (0, [])])
def test_a_host_takes_from_others_at_that_pace(clock: Clock, rate: float, waits: list[float]) -> None:
    program = object.__new__(host.RelayProgram)
    program._rate, program._free, program._pacing = rate, 0.0, threading.Lock()
    for _ in range(3):
        program._pace(2000)
    assert clock.waits == waits
