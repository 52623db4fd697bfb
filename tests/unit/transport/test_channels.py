"""Which of several connections to a host carries what, where sshd allows one session on each."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import cast

import paramiko
import pytest

from provision.transport import channels
from provision.transport.channels import Channels


@dataclass
class Channel:
    on: Connection
    closed: bool = False


@dataclass
class Connection:
    active: bool = True
    opened: list[Channel] = field(default_factory=list)

    def is_active(self) -> bool:
        return self.active

    def open_session(self, timeout: float) -> Channel:
        if not self.active:
            raise paramiko.SSHException("SSH session not active")
        if any(not channel.closed for channel in self.opened):
            raise paramiko.ChannelException(2, "open failed")
        self.opened.append(Channel(self))
        return self.opened[-1]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Connection], Channels]:
    monkeypatch.setattr(channels, "_ENDING", 0.0)
    connections = [Connection()]

    def another() -> paramiko.Transport:
        connections.append(Connection())
        return cast("paramiko.Transport", connections[-1])

    first = cast("paramiko.Transport", connections[0])
    return connections, Channels("gpu-01", first, another, threading.Event())


def carrier(opened: object) -> Connection:
    return cast("Channel", opened).on


def test_a_connection_that_has_room_again_is_taken_before_a_further_one(
    made: tuple[list[Connection], Channels],
) -> None:
    connections, opening = made
    first, second = opening.open(), opening.open()
    assert [carrier(first), carrier(second)] == connections and opening.more == 1
    cast("Channel", first).closed = True
    assert carrier(opening.open()) is connections[0]


@pytest.mark.parametrize("broken", [0, 1])
def test_one_that_broke_takes_nothing_from_the_others(broken: int, made: tuple[list[Connection], Channels]) -> None:
    connections, opening = made
    kept = [opening.open(), opening.open()][1 - broken]
    connections[broken].active = False
    assert opening.alive
    assert carrier(opening.open()) is connections[2]
    cast("Channel", kept).closed = True
    assert carrier(opening.open()) is connections[1 - broken]
    for connection in connections:
        connection.active = False
    assert not opening.alive
    with pytest.raises(paramiko.SSHException):
        opening.open()
