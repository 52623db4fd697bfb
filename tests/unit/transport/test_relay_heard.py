"""A host in a relay that says what is not so, or says it without end: the others go on without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from provision.payload.relay.wire import BLOCK
from provision.transport import relay_heard
from provision.transport.relay_heard import LEAST, OutOfRelay, RelayHeard
from provision.transport.relay_part import named

SIZE = 20 * BLOCK


class Channel:
    def recv_ready(self) -> bool:
        return True  # it goes on without end


class Pipe:
    over, channel = False, Channel()

    def __init__(self, said: bytes) -> None:
        self.said = said
        self.reads = 0

    def read(self, _: float) -> tuple[bytes, bytes]:
        self.reads += 1
        return self.said, b""


def heard(said: str, on_lost: Callable[[str, str], None] = lambda *_: None) -> tuple[RelayHeard, list[int], Pipe]:
    moved: list[int] = []
    pipe: Any = Pipe(said.encode())
    return RelayHeard(pipe, [SIZE], moved.append, on_lost), moved, pipe


def test_one_that_prints_without_end_is_left_after_a_while() -> None:
    found, _, pipe = heard("x" * (1 << 16) + "\n")
    found.look(0)  # comes back, so that a cancelled run is noticed
    assert pipe.reads < 100
    with pytest.raises(OutOfRelay, match="more than 64 MiB"):
        for _ in range(20):
            found.look(0)


def test_one_that_gives_up_others_without_end_is_left() -> None:
    found, _, _ = heard("provision-relay-lost host-0 why\n" * 60)
    with pytest.raises(OutOfRelay, match="more than 100 times"):
        found.look(0)


@pytest.mark.parametrize("name", ["host-" + "9" * 5000, "host-²", "host-٣", "host--1", "", "host-7"])
def test_a_forged_name_is_no_host(name: str) -> None:
    lost: list[tuple[str, str]] = []
    found, _, _ = heard(f"provision-relay-lost {name} why\n", lambda *told: lost.append(told))
    found.wait(0)
    assert [(named(certified, ["gpu-01"]), why) for certified, why in lost] == [("another host", "why")]
    assert named("host-0", ["gpu-01"]) == "gpu-01"


@pytest.mark.parametrize("number", [SIZE + 1, 10**18 - 1])
def test_more_than_there_is_is_no_progress(number: int) -> None:
    found, moved, _ = heard(f"provision-relay-at {number}\nprovision-relay-has 7 {number}\n")
    found.wait(0)
    assert (found.done, moved, found.has(7)) == (0, [], 0)


def test_of_what_was_there_before_no_more_is_left_out_than_the_file_has() -> None:
    found, _, _ = heard(f"provision-relay-has 0 {10**17}\n")
    found.wait(0)
    assert found.has(0) == SIZE // BLOCK


def test_a_few_bytes_now_and_then_are_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(relay_heard.time, "monotonic", lambda: now[0])
    found, _, pipe = heard("")
    for step in range(1, 100):
        now[0] += 10
        pipe.said = f"provision-relay-at {step}\n".encode()
        found.wait(0)
    assert (found.done, found.still) == (99, 990)
    pipe.said = f"provision-relay-at {LEAST}\n".encode()
    found.wait(0)
    assert found.still == 0
