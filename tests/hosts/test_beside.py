"""A proof while new folders are made, on real sshds. The two wait for each other, so that either can only end well if
both are under way at the same time: nothing here depends on how long anything takes."""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from engine import Hosts
from loopback import processes_with, wait_until

from provision.cluster.cluster import Cluster
from provision.core.errors import Blocked, HostError, ScriptFailed
from provision.core.events import Event, Progress, StepDone, StepSkipped
from provision.core.finding import blocker
from provision.core.playbook import Playbook
from provision.core.proof import Proof, Shown
from provision.core.resource import Resource, State
from provision.core.script import Fragment, Script
from provision.core.timing import Span, Timings
from provision.inventory.models import Host
from provision.resources.text_file import TextFile

pytestmark = pytest.mark.hosts

WAIT = """
wait_for() { # files that others make
    for file in "$@"; do
        n=0
        until [ -e "$file" ]; do n=$((n + 1)); [ "$n" -lt "$patience" ] || return 1; sleep 0.1; done
    done
}
"""

MAKE = (
    WAIT
    + """
echo ::progress making it
echo once >> "$place/tries-$host"
nice > "$place/nice-$host"
touch "$place/making-$host"
[ "$came" != hang ] || tail -f "$place/tries-$host"
wait_for $came || { echo "nothing is proved meanwhile" >&2; exit 3; }
mkdir -p "$place/made-$host"
"""
)

PROVE = (
    WAIT
    + """
touch "$place/came-$host"
if [ "$fails" = yes ]; then wait_for $making; echo "missing=$host"; exit 0; fi
wait_for $making && echo met=yes
"""
)


@dataclass(frozen=True)
class Folder(Resource):
    """A folder of `host` in `place`, and a link with which it is used."""

    place: Path
    host: str
    came: str

    @property
    def id(self) -> str:
        return "folder"

    def want(self) -> State:
        return {"made": "yes", "used": "yes"}

    def probe(self) -> Script:
        body = '[ ! -d "$place/made-$host" ] || echo made=yes\n[ ! -h "$place/used-$host" ] || echo used=yes'
        return Script(body, self._names())

    def ahead(self, have: State) -> bool:
        return not have

    def fix_ahead(self, have: State, want: State) -> Script:
        return Script(MAKE, self._names())

    def fix(self, have: State, want: State) -> Script:
        make = "" if "made" in (have or {}) else MAKE
        return Script(f'{make}\nln -sfn "made-$host" "$place/used-$host"; nice > "$place/usual-$host"', self._names())

    def _names(self) -> dict[str, str | int]:
        return {"place": str(self.place), "host": self.host, "came": self.came, "patience": 300}


@dataclass(frozen=True)
class Proves(Proof):
    name: ClassVar[str] = "meeting"
    beside_folders: ClassVar[bool] = True

    place: Path
    hosts: tuple[str, ...]
    fails: str = ""
    patience_tenths: int = 300

    @property
    def label(self) -> str:
        return "meeting"

    def scripts(self) -> Mapping[str, Script]:
        making = " ".join(f"{self.place}/making-{host}" for host in self.hosts)
        values = {"place": str(self.place), "making": making, "patience": self.patience_tenths}
        fails = {host: "yes" if host == self.fails else "" for host in self.hosts}
        return {host: Script(PROVE, {**values, "host": host, "fails": fails[host]}) for host in self.hosts}

    def read(self, answers: Mapping[str, Fragment], failed: Mapping[str, HostError]) -> Shown:
        bad = [name for name, answer in answers.items() if "met=yes" not in answer.stdout]
        return Shown(tuple(blocker(name, "it was not met") for name in (*bad, *failed)))


@dataclass
class Story:
    """Three hosts: a file, a folder, and what stands for a service, which waits for all folders."""

    hosts: Hosts
    place: Path
    fails: str = ""
    #: What a folder waits for, instead of the proof: files, or `hang`.
    instead: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(host.name for host in self.hosts.hosts)

    def book(self, cluster: Cluster) -> Playbook:
        book = Playbook()
        came = self.instead or " ".join(f"{self.place}/came-{name}" for name in self.names)
        for name in self.names:
            book.add(TextFile(str(self.place / f"file-{name}"), "1"), on=name)
        folders = [book.add(Folder(self.place, name, came), on=name) for name in self.names]
        for name in self.names:
            book.add(TextFile(str(self.place / f"service-{name}"), "1"), on=name, after=folders)
        book.prove(Proves(self.place, self.names, self.fails))
        return book

    def made(self, kind: str) -> int:
        return len(list(self.place.glob(f"{kind}-*")))

    def tries(self) -> list[str]:
        return [path.read_text() for path in self.place.glob("tries-*")]

    def done(self) -> list[str]:
        return [event.step for event in self.hosts.events if isinstance(event, StepDone)]

    def skipped(self) -> dict[str, str]:
        """Step → why."""
        return {event.step: event.why for event in self.hosts.events if isinstance(event, StepSkipped)}


@pytest.fixture
def story(make_host: Callable[..., Host], tmp_path: Path) -> Story:
    place = tmp_path / "shared"
    place.mkdir()
    return Story(Hosts([make_host() for _ in range(3)]), place)


STAYS = "; what was built for it stays for the next `up`"


def of_kind(timings: Timings, kind: str, host: str) -> list[Span]:
    return [span for span in timings.spans if (span.kind, span.host) == (kind, host)]


def test_folders_are_made_while_the_proof_is_under_way_and_nothing_else_before_it_is_through(story: Story) -> None:
    report = story.hosts.run("up", story.book)
    assert (report.exit_code, report.errors, story.made("service"), story.made("used")) == (0, (), 3, 3)
    proved = max(span.ended for name in story.names for span in of_kind(report.timings, "proof", name))
    for name in story.names:
        (proof,) = of_kind(report.timings, "proof", name)
        made, *rest = of_kind(report.timings, "change", name)
        assert made.name == "folder" and made.began < proof.ended and proof.began < made.ended
        assert len(rest) == 3 and [span.name for span in rest].count("folder") == 1
        assert all(span.began >= proved for span in rest)
        assert (story.place / f"nice-{name}").read_text() == "19\n"
        assert (story.place / f"usual-{name}").read_text() == f"{os.nice(0)}\n"
    # A change is one, however many parts it was made in.
    assert len(story.done()) == len(set(story.done())) == 9 and story.tries() == ["once\n"] * 3
    assert story.hosts.run("up", story.book).plan.empty  # type: ignore[union-attr]


def test_a_proof_that_fails_leaves_no_service_started_and_folders_that_the_next_run_takes_up(story: Story) -> None:
    story.fails = "host-2"
    report = story.hosts.run("up", story.book)
    assert report.exit_code == 1
    assert [(type(error), error.host) for error in report.errors if isinstance(error, Blocked)] == [(Blocked, "host-2")]
    assert (story.made("file"), story.made("service"), story.made("used")) == (0, 0, 0)
    assert story.made("made") == 3, "what was being made is made to its end"
    assert (len(story.skipped()), story.done()) == (9, [])
    for step, why in story.skipped().items():
        assert why == f"a proof failed{STAYS if step.endswith('/folder') else ''}"
    assert all(not host.changes for host in report.hosts)
    # What is there by now is no finding.
    left = {(finding.host, finding.fact, finding.found) for finding in report.findings if "folder" in finding.fact}
    assert left == {(name, "folder used", "absent") for name in story.names}

    story.fails = ""
    assert story.hosts.run("up", story.book).exit_code == 0
    assert (story.made("service"), story.made("used"), story.tries()) == (3, 3, ["once\n"] * 3)


def test_a_folder_that_cannot_be_made_is_the_failure_of_its_step(story: Story) -> None:
    (story.place / "made-host-2").write_text("in the way")
    report = story.hosts.run("up", story.book)
    assert report.exit_code == 1
    (error,) = report.errors
    assert isinstance(error, ScriptFailed) and error.host == "host-2" and error.message.startswith("folder: failed")
    assert (story.made("file"), story.made("service"), story.made("used")) == (0, 0, 0)
    assert set(story.skipped().values()) == {"host-2 failed", f"host-2 failed{STAYS}"}
    assert "host-2/folder" not in story.skipped()


def test_ctrl_c_ends_both_on_all_hosts_and_the_next_run_begins_again(story: Story) -> None:
    story.instead, story.fails = "hang", ""
    cancel, seen = threading.Event(), []

    def listen(event: Event) -> None:
        seen.append(event)
        if isinstance(event, Progress) and event.text == "making it":
            assert wait_until(lambda: processes_with(f"{story.place}/tries-{event.host}"))
            cancel.set()

    report = story.hosts.run("up", story.book, cancel=cancel, listener=listen)
    assert (report.exit_code, story.made("made"), story.made("used"), story.made("service")) == (1, 0, 0, 0)
    assert not any(isinstance(event, StepDone) for event in seen)
    skipped = [event.step for event in seen if isinstance(event, StepSkipped)]
    assert len(skipped) == len(set(skipped)) == 9
    assert wait_until(lambda: not processes_with(f"{story.place}/tries-"))

    story.instead = ""
    assert story.hosts.run("up", story.book).exit_code == 0
    assert (story.made("service"), story.made("used")) == (3, 3)
