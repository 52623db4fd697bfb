"""What a run tells in the end: it knows what was seen of the hosts, and which ports can be connected to from here."""

import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from engine import Hosts

from provision.cluster.cluster import Cluster
from provision.core.finding import Known
from provision.core.outcome import Ended, Endpoint
from provision.core.playbook import Playbook
from provision.core.resource import Resource, State
from provision.core.script import Script
from provision.inventory.models import Host
from provision.transport.reach import closed

pytestmark = pytest.mark.hosts


@dataclass(frozen=True)
class Counted(Resource):
    """A file whose size nobody wants in particular, and `check` shows."""

    path: Path

    @property
    def id(self) -> str:
        return "counted"

    def want(self) -> State:
        return {"there": "yes"}

    def probe(self) -> Script:
        return Script('[ ! -e "$path" ] || { echo there=yes; echo "size=$(stat -c %s "$path")"; }', {"path": self.path})

    def fix(self, have: State, want: State) -> Script:
        return Script('printf 12345 > "$path"', {"path": self.path})

    def known(self, have: State) -> tuple[Known, ...]:
        return (Known("files", "size", (have or {}).get("size", "none")),)


@dataclass(frozen=True)
class Tells:
    host: str
    endpoints: tuple[Endpoint, ...] = ()

    def lines(self, ended: Ended) -> Iterable[str]:
        yield f"size {ended.of(self.host, 'size')}"
        yield from (f"{port} {why}" for (_, port), why in ended.closed.items())


def tells(path: Path, host: Host, *endpoints: Endpoint) -> Callable[[Cluster], Playbook]:
    def book(_: Cluster) -> Playbook:
        made = Playbook(outcome=["done", Tells(host.name, endpoints)])
        made.add(Counted(path), on=host.name)
        return made

    return book


def test_it_tells_what_was_seen_also_of_what_was_changed_only_now(
    make_host: Callable[..., Host], tmp_path: Path
) -> None:
    host = make_host()
    hosts, book = Hosts([host]), tells(tmp_path / "file", host)
    for _ in range(2):
        report = hosts.run("up", book)
        assert report.outcome == ("done", "size 5")
        assert report.known[host.name] == (Known("files", "size", "5"),)


def test_it_tells_which_ports_are_closed_from_here(make_host: Callable[..., Host], tmp_path: Path) -> None:
    host = make_host()
    with socket.create_server(("127.0.0.1", 0)) as server:
        open_port = server.getsockname()[1]
        endpoints = (("127.0.0.1", open_port), ("127.0.0.1", 1))
        report = Hosts([host]).run("up", tells(tmp_path / "file", host, *endpoints))
    assert report.outcome[2:] == ("1 refused",)


def test_a_name_that_resolves_nowhere_is_closed_too() -> None:
    found: Mapping[Endpoint, str] = closed([("no-such-host.invalid", 80)])
    assert list(found) == [("no-such-host.invalid", 80)]
    assert closed([]) == {}


def test_check_and_plan_tell_nothing(make_host: Callable[..., Host], tmp_path: Path) -> None:
    host = make_host()
    for command in ("check", "plan", "down"):
        assert Hosts([host]).run(command, tells(tmp_path / "file", host)).outcome == ()
