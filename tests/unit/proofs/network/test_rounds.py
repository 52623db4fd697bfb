"""The order in which 200 hosts ask each other, gone through without a network: what each host does, and how much of it
at a time. Counted, not timed: on two cores a connection takes both of its hosts together 0.3 ms (docs/speed.md)."""

import json
import selectors
import socket
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from provision.payload.network import connecting
from provision.payload.network.connecting import MOMENT, ROUND, Connecting, Peer, Try
from provision.payload.network.wire import Tags
from provision.proofs.network.members import Member
from provision.proofs.network.proof import NetworkProof

HOSTS = 200
#: Connections of one host that 30 s of one core are enough for, if each took ten times as long.
MOST = 30 / 0.0003 / 10
PORTS = tuple((port, "x") for port in (6380, 6381, 6382, 6383, 6384, 20000, 20499, 20999, 32768, 46883, 60999, 52365))


class Socket:
    """Of a connection that is not answered before the test says so."""

    def __init__(self, *_: object) -> None:
        pass

    def connect_ex(self, _: object) -> int:
        return connecting.errno.EINPROGRESS

    def setblocking(self, _: bool) -> None:
        pass

    def setsockopt(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass


class Selector(selectors.SelectSelector):
    def register(self, *_: object) -> Any:
        pass

    def unregister(self, *_: object) -> Any:
        pass


class Controlled:
    """The connecting side of one host, of which the test answers what it has begun. `now`: its clock."""

    def __init__(self, name: str, asked: dict[str, Any]) -> None:
        self.now = 0.0
        self.peers = {other: Peer(other, *rest) for other, rest in asked["peers"].items()}
        tags = Tags("key", [name, *self.peers])
        self.side = Connecting(Selector(), tags, name, lambda: self.now, lambda: False, 8000)
        self.side.begin(self.peers.values())

    def begun(self) -> list[Try]:
        before = set(self.side._tries)
        self.side.go_on()
        return [one for one in self.side._tries if one not in before]


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    constants = {name: getattr(socket, name) for name in ("SOCK_STREAM", "IPPROTO_TCP", "TCP_NODELAY")}
    monkeypatch.setattr(connecting, "socket", SimpleNamespace(socket=Socket, **constants))


@pytest.fixture
def asked() -> dict[str, dict[str, Any]]:
    members = tuple(
        Member(f"gpu-{n}", f"10.0.{n // 250}.{n % 250 + 1}", PORTS, python="/usr/bin/python3") for n in range(HOSTS)
    )
    return {
        name: json.loads(str(script.vars["asked"])) for name, script in NetworkProof(members, "k").scripts().items()
    }


def test_a_host_asks_for_every_port_of_every_other_once_and_never_more_than_a_round_at_a_time(asked: Any) -> None:
    host = Controlled("gpu-7", asked["gpu-7"])
    made: Counter[tuple[str, int]] = Counter()
    payloads = 0
    while running := host.begun() or [one for one in host.side._tries if one.what == connecting.PAYLOAD]:
        assert len(host.side._round) <= ROUND
        for one in running:
            if one.what == connecting.PAYLOAD:
                payloads += 1
            else:
                made[one.peer.name, one.port] += 1
            host.side._ended(one, "ok")
    assert set(made.values()) == {1} and len(made) == (HOSTS - 1) * len(PORTS)
    assert payloads == HOSTS - 1 and all(peer.done for peer in host.peers.values())
    assert sum(made.values()) + payloads < MOST


def test_in_each_round_every_host_is_asked_by_as_many_as_it_asks(asked: Any) -> None:
    """All go on at the same pace: as far as each has come, each has been asked by as many."""
    # `begin` hands out from the end.
    orders = []
    for name, one in asked.items():
        host = Controlled(name, one)
        orders.append([(peer.name, port) for peer, port in reversed(host.side._waiting)])
    for place in (0, 1, 198, 199, 1000, len(orders[0]) - 1):
        assert set(Counter(order[place][0] for order in orders).values()) == {1}, place


def test_what_is_not_answered_holds_nothing_up_for_long(asked: Any) -> None:
    host = Controlled("gpu-0", asked["gpu-0"])
    assert len(host.begun()) == ROUND
    host.side.look(host.peers.values())
    assert host.begun() == []
    host.now += MOMENT + 0.01
    host.side.look(host.peers.values())
    assert len(host.begun()) == ROUND and len(host.side._tries) == 2 * ROUND
    rounds = -(-(HOSTS - 1) * len(PORTS) // ROUND)
    # With all that is dropped, well within the patience of the proof.
    assert rounds * (MOMENT + 0.1) + connecting.ANSWER < asked["gpu-0"]["patience"]
