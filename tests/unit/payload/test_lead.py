"""Who takes part in the all-reduce: the hosts that know its key, whoever else connects to where they meet."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from provision.core.script import Fragment
from provision.payload.all_reduce import lead as leading
from provision.payload.all_reduce.asked import LEAD, Asked
from provision.payload.all_reduce.lead import Lead
from provision.proofs.all_reduce.participant import Participant
from provision.proofs.all_reduce.proof import AllReduce


def asked(me: str = "a", key: str = "of this proof") -> Asked:
    hosts = [{"name": name, "ip": "127.0.0.1"} for name in ("a", "b")]
    return Asked({"host": me, "hosts": hosts, "key": key, "port": 1, "come": 5, "load": 5, "measure": 5})


@pytest.fixture
def lead() -> Iterator[Lead]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Lead(asked(), listener)


def until(lead: Lead, holds: Callable[[], bool]) -> bool:
    lead.listen(time.monotonic() + 30, holds)
    return holds()


def connect(lead: Lead) -> socket.socket:
    return socket.create_connection(lead.listener.getsockname(), timeout=30)


def greeted(lead: Lead, link: socket.socket) -> str:
    """The first line that it is told."""
    port = link.getsockname()[1]
    assert until(lead, lambda: any(one.getpeername()[1] == port for one in lead.strangers.values()))
    return link.makefile().readline()


def say(link: socket.socket, **words: object) -> None:
    link.sendall(json.dumps(words).encode() + b"\n")


@pytest.mark.parametrize(
    "tag", [None, 5, "llama", "\udcff", asked(key="another").tag("b"), asked().tag("a"), asked().tag(LEAD)]
)
def test_a_stranger_gets_no_seat_and_takes_nobodys(lead: Lead, tag: object) -> None:
    stranger = connect(lead)
    assert json.loads(greeted(lead, stranger)) == {"tag": asked().tag(LEAD)}
    say(stranger, name="b", tag=tag, gpus=8, failed="because I say so")
    assert until(lead, lambda: not lead.strangers)
    assert lead.seats == {}
    host = connect(lead)
    say(host, name="b", tag=asked("b").tag("b"), stage="here")
    assert until(lead, lambda: lead.seats.get("b", {}).get("stage") == "here")
    assert lead.seats["b"]["name"] == "b" and "tag" not in lead.seats["b"]


def test_a_host_has_one_seat(lead: Lead) -> None:
    for gpus in (8, 0):
        link = connect(lead)
        greeted(lead, link)
        say(link, name="b", tag=asked().tag("b"), gpus=gpus)
        assert until(lead, lambda: not lead.strangers)
    assert lead.seats["b"]["gpus"] == 8


@pytest.mark.parametrize("said", [b"[" * 100_000 + b"\n", b"{}\n", b"\xff\n", b"5\n", b"x" * (3 << 20) + b"\n"])
def test_whatever_a_stranger_says_the_lead_goes_on(lead: Lead, said: bytes) -> None:
    stranger = connect(lead)
    greeted(lead, stranger)
    stranger.setblocking(False)
    rest = memoryview(said)

    def sent() -> bool:
        nonlocal rest
        try:
            while rest:
                rest = rest[stranger.send(rest) :]
        except BlockingIOError:
            return False
        except OSError:
            rest = memoryview(b"")
        return True

    assert until(lead, sent)
    stranger.close()
    assert until(lead, lambda: not lead.strangers)


def test_those_who_only_connect_keep_nobody_out(lead: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leading, "STRANGERS", 4)
    idle = [connect(lead) for _ in range(9)]
    host = connect(lead)
    greeted(lead, host)
    say(host, name="b", tag=asked().tag("b"), stage="here")
    assert until(lead, lambda: "b" in lead.seats)
    assert len(lead.strangers) <= 4
    for link in idle:
        link.close()


def test_what_it_notes_of_them_is_what_the_controller_reads(lead: Lead) -> None:
    """As over torch 2.13.0 on two lab hosts."""
    measured = {"ranks": 2, "latency": 0.000128, "size": 16777216, "seconds": 0.0986}
    words = {"stage": "loading torch", "step": 0, "state": "", "unanswered": [], "gpus": 0, "torch": "2.13.0+cpu"}
    for name, result in (("a", measured), ("b", {})):
        link = connect(lead)
        greeted(lead, link)
        say(link, name=name, tag=asked().tag(name), cuda="", nccl="", **words, result=result)
        assert until(lead, lambda: not lead.strangers)
    seats = {name: {**seat, "silent": 0.0} for name, seat in lead.seats.items()}
    said = json.dumps({"outcome": "done", "why": [], "seats": seats})
    proof = AllReduce("llama", tuple(Participant(name, "127.0.0.1", "lo", "/e") for name in ("a", "b")))
    shown = proof.read({"a": Fragment(0, f"host={{}}\nlead={said}\n", ""), "b": Fragment(0, "host={}\n", "")}, {})
    assert shown.findings == () and any("all-reduce" in text for _, text in shown.notes), shown
