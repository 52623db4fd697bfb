"""Weights of the controller, sent and sealed while the network is proved and a new environment is built, on real sshds.
The two wait for each other, so that neither can end well alone: nothing here depends on how long anything takes."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from engine import Hosts, changes
from loopback import processes_with, wait_until

from provision.cluster.cluster import Cluster
from provision.core.errors import HostError
from provision.core.events import Doing, Note, StepDone, StepSkipped
from provision.core.finding import blocker
from provision.core.playbook import Playbook
from provision.core.proof import Proof, Shown
from provision.core.report import Report
from provision.core.resource import Resource, State
from provision.core.script import Fragment, Script
from provision.inventory.models import Host
from provision.inventory.transfers import Transfers
from provision.payload.relay.wire import BLOCK
from provision.resources.text_file import TextFile
from provision.resources.weights import Weights
from provision.transport import upload
from provision.transport.relay_part import send as sends
from provision.weights.local import look

pytestmark = pytest.mark.hosts

SHARD = "model.safetensors"

WAIT = """
wait_for() {
    n=0
    until [ -e "$1" ]; do n=$((n + 1)); [ "$n" -lt 300 ] || return 1; sleep 0.1; done
}
"""

#: Builds what stands for an environment, once the weights' program runs.
BUILD = (
    WAIT
    + """
echo ::progress building
echo once >> "$place/builds-$host"
touch "$place/building-$host"
[ "$fails" != "$host" ] || { echo "no space left" >&2; exit 3; }
wait_for "$place/sealing-$host" || exit 4
[ ! -e "$place/hang" ] || tail -f "$place/builds-$host"
mkdir -p "$place/env-$host"
"""
)

#: An interpreter that begins once the environment is being built.
PYTHON = f"""#!/bin/sh
{WAIT}
place=@PLACE@
touch "$place/sealing-$HOST"
wait_for "$place/building-$HOST" || exit 4
[ ! -e "$place/hang" ] || tail -f "$place/hang"
exec python3 "$@"
"""


@dataclass(frozen=True)
class Environment(Resource):
    place: Path
    host: str
    fails: str = ""

    @property
    def id(self) -> str:
        return "environment:here"

    @property
    def label(self) -> str:
        return "environment"

    def want(self) -> State:
        return {"made": "yes", "used": "yes"}

    def probe(self) -> Script:
        body = '[ ! -d "$place/env-$host" ] || echo made=yes\n[ ! -h "$place/current-$host" ] || echo used=yes'
        return Script(body, self._names())

    def ahead(self, have: State) -> bool:
        return not have

    def fix_ahead(self, have: State, want: State) -> Script:
        return Script(BUILD, self._names())

    def fix(self, have: State, want: State) -> Script:
        build = "" if "made" in (have or {}) else BUILD
        return Script(f'{build}\nln -sfn "env-$host" "$place/current-$host"', self._names())

    def _names(self) -> dict[str, str | int]:
        return {"place": str(self.place), "host": self.host, "fails": self.fails}


@dataclass(frozen=True)
class Proves(Proof):
    """`until`: a file that it waits for on each host, if it names one."""

    name: ClassVar[str] = "network"
    label: ClassVar[str] = "network"  # type: ignore[misc]
    beside_folders: ClassVar[bool] = True

    hosts: tuple[str, ...]
    place: Path
    until: str = ""
    fails: bool = False

    def scripts(self) -> Mapping[str, Script]:
        body = WAIT + '[ -z "$until" ] || wait_for "$place/$until-$host" || exit 1'
        values = {"place": str(self.place), "until": self.until}
        return {host: Script(body, {**values, "host": host}) for host in self.hosts}

    def read(self, answers: Mapping[str, Fragment], failed: Mapping[str, HostError]) -> Shown:
        bad = [name for name, answer in answers.items() if self.fails or not answer.ok]
        return Shown(tuple(blocker(name, "it is not so") for name in bad))


@dataclass
class Story:
    """Two hosts, each with an environment, the model, and what stands for a service."""

    hosts: Hosts
    place: Path
    model: Path
    fails: str = ""
    until: str = ""
    proof_fails: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(host.name for host in self.hosts.hosts)

    def at(self, host: str) -> Path:
        return self.place / f"root-{host}" / "models" / "acme--tiny"

    def _weights(self, host: str) -> Weights:
        root = str(self.place / f"root-{host}")
        python, plain, here = "/usr/bin/python3", str(self.place / "python"), look(self.model)
        return Weights("controller", str(self.at(host)), root, "here", host, python, here=here, plain=plain)

    def book(self, cluster: Cluster) -> Playbook:
        book = Playbook()
        made = [book.add(Environment(self.place, name, self.fails), on=name) for name in self.names]
        made += [book.add(self._weights(name), on=name) for name in self.names]
        for name in self.names:
            book.add(TextFile(str(self.place / f"service-{name}"), "1"), on=name, after=made)
        book.prove(Proves(self.names, self.place, self.until, self.proof_fails))
        return book

    def run(self, command: str = "up", **how: object) -> Report:
        return self.hosts.run(command, self.book, **how)  # type: ignore[arg-type]

    def services(self) -> int:
        return len(list(self.place.glob("service-*")))

    def whole(self) -> list[str]:
        """The hosts that have the model, as it is here."""
        there = {name: self.at(name) / SHARD for name in self.names}
        return [n for n, path in there.items() if path.exists() and _sum(path) == _sum(self.model / SHARD)]

    def skipped(self) -> dict[str, str]:
        return {event.step: event.why for event in self.hosts.events if isinstance(event, StepSkipped)}


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def story(make_host: Callable[..., Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Story:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(upload, "PART", BLOCK)
    place, model = tmp_path / "shared", tmp_path / "model"
    place.mkdir()
    model.mkdir()
    (model / "config.json").write_text("{}")
    (model / SHARD).write_bytes(os.urandom(3 * BLOCK))
    (place / "python").write_text(PYTHON.replace("@PLACE@", str(place)))
    (place / "python").chmod(0o755)
    hosts = [make_host() for _ in range(2)]
    hosts = [host.model_copy(update={"node_ip": host.address}) for host in hosts]
    return Story(Hosts(hosts), place, model)


def test_they_come_while_the_environment_is_built_and_are_used_after_the_proof(story: Story) -> None:
    report = story.run()
    assert (report.exit_code, changes(report), report.errors) == (0, 6, ())
    assert (story.whole(), story.services()) == ([*story.names], 2)
    for name in story.names:
        spans = [span for span in report.timings.spans if span.host == name]
        (sent,) = [span for span in spans if span.name == "receiving weights"]
        built, sealed = (next(span for span in spans if span.name == what) for what in ("environment", "weights"))
        assert (sent.side, built.side, sealed.side) == ("weights", "", "weights")
        assert sealed.began < built.ended and built.began < sealed.ended
    done = [event.step for event in story.hosts.events if isinstance(event, StepDone)]
    assert len(done) == len(set(done)) == 6
    # On each host the order is that of the plan.
    for name in story.names:
        steps = [step for step in done if step.startswith(f"{name}/")]
        assert steps[:2] == [f"{name}/environment:here", f"{name}/weights"]
    doing = {event.what for event in story.hosts.events if isinstance(event, Doing)}
    assert doing & {"environment · receiving weights", "environment · weights"}
    again = story.run()
    assert again.plan is not None and again.plan.empty


def test_from_host_to_host_they_leave_once_and_not_before_the_network_is_proved(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []

    def send(*what: object) -> None:
        data = what[-1]
        assert isinstance(data, bytes)
        if len(data) > BLOCK // 2:
            sent.append(len(data))
            assert proved.is_set()
        sends(*what)  # type: ignore[arg-type]

    proved = threading.Event()
    read = Proves.read
    monkeypatch.setattr("provision.transport.relay.send", send)
    monkeypatch.setattr(Proves, "read", lambda *given: proved.set() or read(*given))
    story.until = "building"  # the other side is at work by then
    story.hosts.transfer = Transfers(relay="auto")
    report = story.run()
    notes = [event.text for event in story.hosts.events if isinstance(event, Note)]
    assert (report.exit_code, report.errors, notes) == (0, (), [])
    assert (len(sent), story.whole(), story.services()) == (3, [*story.names], 2)


def test_from_host_to_host_nothing_begins_where_the_proof_has_failed(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []
    monkeypatch.setattr("provision.transport.relay.send", lambda *what: sent.append(what) or sends(*what))
    for name in story.names:
        (story.place / f"sealing-{name}").touch()
    story.until, story.proof_fails = "building", True
    story.hosts.transfer = Transfers(relay="auto")
    report = story.run()
    assert report.exit_code == 1 and {error.message for error in report.errors} == {"it is not so"}
    assert (sent, story.whole(), story.services()) == ([], [], 0)


def test_an_environment_that_cannot_be_built_is_named_and_the_weights_stay_for_the_next_run(story: Story) -> None:
    story.fails = "host-2"
    report = story.run()
    assert report.exit_code == 1
    (error,) = report.errors
    assert (error.host, error.message) == ("host-2", "environment: failed (exit code 3)")
    assert (story.whole(), story.services()) == ([*story.names], 0)
    assert "host-2/environment:here" not in story.skipped() and len(story.skipped()) == 5
    assert "host-2 failed; what was built for it stays for the next `up`" in story.skipped().values()

    story.fails = ""
    before = (story.at("host-2") / SHARD).stat()
    assert story.run().exit_code == 0
    assert ((story.at("host-2") / SHARD).stat().st_ino, story.services()) == (before.st_ino, 2)


def test_a_proof_that_fails_ends_what_is_being_sent_which_goes_on_from_there_and_nothing_is_used(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    under_way, go_on = threading.Event(), threading.Event()
    count, read = upload.Transfer._count, Proves.read

    def slow(self: upload.Transfer, size: int) -> None:
        count(self, size)
        if self._sent >= BLOCK:
            under_way.set()
            go_on.wait(30)

    def fails(*given: object) -> Shown:
        assert under_way.wait(30)
        threading.Timer(1.0, go_on.set).start()  # once the proof has been judged
        return read(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(upload.Transfer, "_count", slow)
        patched.setattr(Proves, "read", fails)
        for name in story.names:
            (story.place / f"sealing-{name}").touch()
        story.until, story.proof_fails = "building", True
        report = story.run()
    assert report.exit_code == 1 and {error.message for error in report.errors} == {"it is not so"}
    assert (story.whole(), story.services()) == ([], 0)
    why = story.skipped()
    assert {why[f"{name}/weights"] for name in story.names} == {"a proof failed"}
    for name in story.names:
        assert max(path.stat().st_size for path in story.at(name).rglob("*") if path.is_file()) >= 1 << 20

    story.proof_fails = False
    report = story.run()
    assert (report.exit_code, story.whole(), story.services()) == (0, [*story.names], 2)


def test_ctrl_c_ends_both_on_all_hosts_and_the_next_run_goes_on(story: Story) -> None:
    (story.place / "hang").touch()
    cancel = threading.Event()

    def under_way() -> bool:
        return all(len(processes_with(f"{story.place}/{what}")) >= 2 for what in ("hang", "builds"))

    waiting = threading.Thread(target=lambda: wait_until(under_way) and cancel.set())
    waiting.start()
    report = story.run(cancel=cancel)
    waiting.join()
    assert cancel.is_set()
    assert (report.exit_code, story.services()) == (1, 0)
    assert not any(isinstance(event, StepDone) for event in story.hosts.events)
    assert len(story.skipped()) == sum(isinstance(event, StepSkipped) for event in story.hosts.events) == 6
    assert wait_until(lambda: not processes_with(f"{story.place}/"))

    (story.place / "hang").unlink()
    assert story.run().exit_code == 0
    assert (story.whole(), story.services()) == ([*story.names], 2)
