"""What the controller makes of hosts that share a download, where one of them is at fault."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from provision.core.script import Value
from provision.core.secret import Secret
from provision.payload.relay.wire import BLOCK, FRAME
from provision.transport import spread
from provision.transport.relay import Relay, RelayStop
from provision.transport.spread import SpreadStop, SpreadTransfer
from provision.transport.upload import UploadPlace

PORT = 20000
PLACE = UploadPlace("/x", "", "")
LISTS = [f"provision-spread-file 0 {json.dumps([name, 8 * BLOCK, name, False])}" for name in ("a", "b")]
BEGINS = [*LISTS, f"provision-spread-listed 2 {'c' * 40}", f"provision-relay-listens {PORT}"]


class Pipe:
    """A host that says how it begins; `lines`, once it was told from whom it has what; and then nothing more. An
    exception among them is what the read of it raises."""

    over = stays = False

    def __init__(self, *lines: str | Exception, begins: Sequence[str] = BEGINS) -> None:
        self.lines: list[str | Exception] = [*begins]
        self.then, self.sent, self.channel = list(lines), b"", self

    def read(self, seconds: float) -> tuple[bytes, bytes]:
        if not self.lines:
            time.sleep(min(seconds, 0.02))
            return b"", b""
        line = self.lines.pop(0)
        if isinstance(line, Exception):
            raise line
        return f"{line}\n".encode(), b""

    def recv_ready(self) -> bool:
        return False

    def send(self, data: bytes, _: float) -> None:
        self.sent += data
        if data[:1] == b"P":
            self.lines, self.then = [*self.lines, *self.then], []

    @contextlib.contextmanager
    def relay(self, *_: object) -> Iterator[Pipe]:
        yield self


class Pace:
    rate = 0


def found(file: int, count: int) -> list[str]:
    return [f"provision-spread-found {file} {block} {'00' * 32}" for block in range(count)]


def transfer(
    *pipes: Pipe, environment: Mapping[str, Value] | None = None, token: Secret | None = None
) -> tuple[SpreadTransfer, list[str]]:
    """Carried out, and what was said meanwhile."""
    at: Any = {f"host-{number}": pipe for number, pipe in enumerate(pipes)}
    pace: Any = Pace()
    said: list[str] = []
    stops = [SpreadStop(name, "192.0.2.1", (PORT,), "python3", PLACE, "", environment or {}, token) for name in at]
    made = SpreadTransfer(
        stops, at.__getitem__, lambda *_: None, lambda _, text: said.append(text), threading.Event(), pace
    )
    carried_out(made)
    return made, said


def relayed(*pipes: Pipe) -> tuple[Relay, list[str]]:
    """As transfer."""
    at: Any = {f"host-{number}": pipe for number, pipe in enumerate(pipes)}
    pace: Any = Pace()
    said: list[str] = []
    stops = [RelayStop(name, "192.0.2.1", (PORT,), "python3", PLACE) for name in at]
    relay = Relay(
        stops, [], at.__getitem__, lambda *_: None, lambda _, text: said.append(text), threading.Event(), pace
    )
    carried_out(relay)
    return relay, said


def carried_out(made: SpreadTransfer | Relay) -> None:
    thread = threading.Thread(target=made.carry_out, daemon=True)
    thread.start()
    thread.join(20)
    over = not thread.is_alive()
    made.cancel.set()
    assert over


def test_a_proxys_password_reaches_the_host_and_is_in_no_words() -> None:
    proxy = Secret("http://joe:s3cretpw@proxy:3128", "HTTPS_PROXY")
    lost = "provision-relay-lost host-1 by http://joe:s3cretpw@proxy:3128"
    first = Pipe(lost, RuntimeError("http://joe:s3cretpw@proxy:3128"))
    second = Pipe(OSError("no way to http://joe:s3cretpw@proxy:3128"))
    made, said = transfer(first, second, environment={"HTTPS_PROXY": proxy, "NO_PROXY": "local"})
    kind, length = FRAME.unpack(first.sent[: FRAME.size])
    asked = json.loads(first.sent[FRAME.size : FRAME.size + length])
    assert kind == b"S"
    assert asked["environment"] == {"HTTPS_PROXY": "http://joe:s3cretpw@proxy:3128", "NO_PROXY": "local"}
    assert said == ["had no more from host-1: by ********"]
    assert made.failed == {"host-0": "RuntimeError: ********", "host-1": "no way to ********"}


def test_a_fault_of_ours_with_one_host_ends_its_part_and_the_others_do_not_wait_for_it() -> None:
    made, _ = transfer(Pipe(KeyError("odd")), Pipe(*found(1, 8)))
    assert made.failed == {"host-0": "KeyError: 'odd'", "host-1": "the host that was sent the files failed"}


def test_a_fault_of_ours_with_the_first_host_of_a_relay_ends_that_for_all() -> None:
    relay, _ = relayed(Pipe(KeyError("odd"), begins=BEGINS[-1:]), Pipe(begins=BEGINS[-1:]))
    assert relay.failed == {"host-0": "KeyError: 'odd'", "host-1": "the host that was sent the files failed"}


def test_a_host_whose_share_stands_still_is_given_up_once_nobody_tells_of_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "IDLE", 1.0)
    has = f"provision-relay-at {14 * BLOCK}"
    made, _ = transfer(Pipe(*found(0, 6), has), Pipe(*found(1, 8), has))
    why = "it has told of no more of its share for 1 s"
    assert made.failed == {"host-0": why, "host-1": "the host that was sent the files failed"}


def test_a_host_that_has_all_and_does_not_say_that_it_is_done_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "STUCK", 1.0)
    has, done = f"provision-relay-at {16 * BLOCK}", "provision-relay-whole"
    made, _ = transfer(Pipe(*found(0, 8), has), Pipe(*found(1, 8), has, done))
    assert made.failed == {"host-0": "fewer than 16 MiB came in 1 s"}


@pytest.mark.parametrize("way", ["relay", "spread"])
def test_whom_a_host_gave_up_before_it_ended_is_said(way: str) -> None:
    lost = "provision-relay-lost host-1 a damaged block was refused\nprovision-relay-failed no way"
    made: SpreadTransfer | Relay
    if way == "relay":
        made, said = relayed(Pipe(lost, begins=BEGINS[-1:]), Pipe(begins=BEGINS[-1:]))
    else:
        made, said = transfer(Pipe(lost), Pipe(*found(1, 8)))
    assert made.failed["host-0"] == "no way"
    assert said == ["had no more from host-1: a damaged block was refused"]
