"""What hosts show together, on real sshds, with proofs of the test's own: they meet in a folder that they share."""

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import pytest
from engine import Hosts

from provision.cluster.cluster import Cluster
from provision.core.errors import Blocked, HostError, UsageError
from provision.core.events import Event, Note, Progress, StepDone, StepSkipped
from provision.core.finding import Known, Severity, blocker
from provision.core.playbook import Playbook
from provision.core.proof import Proof, Shown
from provision.core.script import Fragment, Script
from provision.inventory.models import Host
from provision.resources.text_file import TextFile

pytestmark = pytest.mark.hosts

MEET = """
touch "$folder/came-$host"
echo "::progress waiting for the others"
n=0
while for other in $others; do [ -e "$folder/came-$other" ] || break; done; [ ! -e "$folder/came-$other" ]; do
    n=$((n + 1))
    [ "$n" -lt "$patience" ] || { echo "missing=$other"; exit 0; }
    sleep 0.1
done
echo "met=yes"
"""


@dataclass(frozen=True)
class Meeting(Proof):
    """Of `hosts`; `late` never comes, and runs `instead`. It can only end well if all are there at the same time."""

    name: ClassVar[str] = "meeting"

    folder: Path
    hosts: tuple[str, ...]
    late: str = ""
    instead: str = "exit 0"
    tenths: int = 100
    first_decides: bool = False

    @property
    def label(self) -> str:
        return "meeting"

    def scripts(self) -> Mapping[str, Script]:
        values = {"folder": self.folder, "others": " ".join(self.hosts), "patience": self.tenths}
        return {h: Script(self.instead if h == self.late else MEET, {**values, "host": h}) for h in self.hosts}

    def patience(self, ended: Collection[str]) -> float | None:
        return 0.5 if self.first_decides and self.hosts[0] in ended else None

    def read(self, answers: Mapping[str, Fragment], failed: Mapping[str, HostError]) -> Shown:
        missing = sorted({a.stdout.partition("missing=")[2].strip() for a in answers.values()} - {""})
        findings = [blocker(name, "it did not come", [error.message]) for name, error in failed.items()]
        findings += [blocker(name, "it was not met") for name in missing if name not in failed]
        known = {name: (Known("network", "met", "all", lasting=False),) for name in answers if not missing}
        notes = () if missing else (("", f"{len(answers)} hosts met"),)
        return Shown(tuple(findings), notes, known)


@dataclass(frozen=True)
class After(Meeting):
    name: ClassVar[str] = "after"
    stands_on: ClassVar[tuple[str, ...]] = ("meeting",)


@dataclass(frozen=True)
class Measures(Meeting):
    """On `hosts`: makes itself ready, and then finds whatever has company through."""

    name: ClassVar[str] = "measures"

    company: Mapping[str, tuple[int, ...]] = field(default_factory=dict, hash=False)
    accompanied: float = 0.0

    def with_company(self, company: Mapping[str, tuple[int, ...]], seconds: float) -> "Measures":
        return replace(self, company=company, accompanied=seconds)

    def scripts(self) -> Mapping[str, Script]:
        return {
            host: Script(
                'touch "$folder/ready"; for p in $pids; do while [ -e "/proc/$p" ]; do sleep 0.05; done; done\n'
                '[ -z "$pids" ] || [ -e "$folder/through" ] || echo "missing=$host"',
                {"folder": self.folder, "host": host, "pids": " ".join(map(str, self.company.get(host, ())))},
            )
            for host in self.hosts
        }

    def read(self, answers: Mapping[str, Fragment], failed: Mapping[str, HostError]) -> Shown:
        shown = super().read(answers, failed)
        seen = "company on " + ", ".join(self.company) if self.company else "no company"
        return replace(shown, notes=(("", f"{seen}, for {self.accompanied:.0f} s"),))


@dataclass(frozen=True)
class Reads(Meeting):
    """On the first host, until the other is ready, and a moment longer."""

    name: ClassVar[str] = "reads"
    alongside: ClassVar[bool] = True

    def scripts(self) -> Mapping[str, Script]:
        body = """
n=0
until [ -e "$folder/ready" ]; do n=$((n + 1)); [ "$n" -lt 100 ] || { echo "missing=$host"; exit 0; }; sleep 0.1; done
sleep 0.5; touch "$folder/through"; [ -z "$fails" ] || echo "missing=$host"
"""
        values = {"folder": self.folder, "host": self.hosts[0], "fails": self.late}
        return {self.hosts[0]: Script(body, values, timeout=77.0)}


class Story:
    """Three hosts, a file on each before the meeting and one after it."""

    def __init__(self, hosts: list[Host], folder: Path) -> None:
        self.hosts = Hosts(hosts)
        self.folder = folder
        self.meeting = Meeting(folder, tuple(host.name for host in hosts))
        self.more: tuple[Proof, ...] = ()

    def book(self, cluster: Cluster) -> Playbook:
        book = Playbook()
        names = [node.name for node in cluster.nodes]
        for name in names:
            book.add(TextFile(str(self.folder / f"before-{name}"), "1"), on=name)
        after = [book.add(TextFile(str(self.folder / f"after-{name}"), "1"), on=name) for name in names]
        for proof in (self.meeting, *self.more):
            book.prove(proof, before=after)
        return book

    def made(self, kind: str) -> int:
        return len(list(self.folder.glob(f"{kind}-*")))

    def notes(self) -> list[str]:
        return [event.text for event in self.hosts.events if isinstance(event, Note)]


@pytest.fixture
def story(make_host: Callable[..., Host], tmp_path: Path) -> Story:
    folder = tmp_path / "shared"
    folder.mkdir()
    return Story([make_host() for _ in range(3)], folder)


def test_all_hosts_take_part_at_the_same_moment_between_what_is_before_and_after(story: Story) -> None:
    report = story.hosts.run("up", story.book)
    assert (report.exit_code, story.notes()) == (0, ["3 hosts met"])
    order = [type(e) for e in story.hosts.events if isinstance(e, StepDone | Progress)]
    assert order == [*[StepDone] * 3, *[Progress] * 3, *[StepDone] * 3]
    assert "meeting" in [phase.name for phase in report.phases]
    assert report.known["host-1"][-1] == Known("network", "met", "all", lasting=False)


def test_what_determined_the_end_goes_through_the_meeting_to_what_came_after_it(story: Story) -> None:
    timings = story.hosts.run("up", story.book).timings
    assert [span.kind for span in timings.path if span.kind != "here"] == [
        "facts",
        "looking",
        "change",
        "proof",
        "change",
    ]
    before, after = (span for span in timings.path if span.kind == "change")
    assert ("before-" in before.name, "after-" in after.name) == (True, True)
    assert after.ended == max(span.ended for span in timings.spans if span.kind == "change")
    assert all(span.done and 0.0 <= span.began <= span.ended <= timings.seconds for span in timings.spans)
    for host in ("host-1", "host-2", "host-3"):
        kinds = [span.kind for span in timings.spans if span.host == host]
        assert kinds == ["facts", "looking", "change", "proof", "change"]


def test_what_was_changed_before_stays_and_nothing_after_it_is_begun(story: Story) -> None:
    story.meeting = replace(story.meeting, late="host-3", tenths=20)
    report = story.hosts.run("up", story.book)
    assert (report.exit_code, story.made("before"), story.made("after")) == (1, 3, 0)
    (error,) = report.errors
    assert isinstance(error, Blocked) and (error.host, error.message) == ("host-3", "it was not met")
    skipped = [event for event in story.hosts.events if isinstance(event, StepSkipped)]
    assert {event.why for event in skipped} == {"a proof failed"}
    assert len(skipped) == 3


def test_nothing_is_proved_again_when_nothing_changes(story: Story) -> None:
    assert story.hosts.run("up", story.book).exit_code == 0
    assert story.hosts.run("up", story.book).exit_code == 0
    assert story.notes() == []


def test_a_name_to_skip_that_no_proof_has_is_an_error_before_anything_is_changed(story: Story) -> None:
    with pytest.raises(UsageError, match="there is no proof `meting`; did you mean `meeting`"):
        story.hosts.run("up", story.book, skip=["meting"])
    assert not any(isinstance(event, StepDone) for event in story.hosts.events)


def test_what_is_skipped_is_said_and_holds_nothing_up(story: Story) -> None:
    report = story.hosts.run("up", story.book, skip=["meeting"])
    assert (report.exit_code, story.made("after"), story.made("came")) == (0, 3, 0)
    assert story.notes() == ["skipped, because of --skip meeting: meeting"]
    story.hosts.run("up", story.book, skip=["meeting"])
    assert story.notes() == []


def test_check_proves_when_asked_to_and_writes_nothing(story: Story) -> None:
    assert story.hosts.run("check", story.book).exit_code == 3
    assert story.notes() == []
    report = story.hosts.run("check", story.book, prove=True)
    assert (story.notes(), story.made("before")) == (["3 hosts met"], 0)
    assert report.known["host-2"][-1].value == "all"


def test_a_fault_is_not_shown_again_by_what_stands_on_it(story: Story) -> None:
    story.meeting = replace(story.meeting, late="host-3", tenths=20)
    story.more = (After(story.folder, story.meeting.hosts),)
    report = story.hosts.run("check", story.book, prove=True)
    assert [finding.host for finding in report.findings if finding.severity is Severity.BLOCKS] == ["host-3"]
    assert story.notes() == ["skipped, because of earlier findings: meeting"]


def test_a_host_that_hangs_is_not_waited_for_once_the_others_have_said_all(story: Story) -> None:
    story.meeting = replace(story.meeting, late="host-3", instead="sleep 300", tenths=5, first_decides=True)
    report = story.hosts.run("up", story.book)
    errors = {error.host: error for error in report.errors}
    assert errors["host-3"].evidence == ("the meeting was still running long after the others had finished",)


def test_ctrl_c_ends_it_on_all_hosts(story: Story) -> None:
    story.meeting = replace(story.meeting, late="host-3", tenths=3000)
    cancel = threading.Event()

    def listen(event: Event) -> None:
        if isinstance(event, Progress):
            cancel.set()

    report = story.hosts.run("up", story.book, cancel=cancel, listener=listen)
    assert (report.exit_code, story.made("after")) == (1, 0)


def measured(story: Story, fails: str = "") -> Callable[[Cluster], Playbook]:
    """One that measures, and one that does not and comes after it."""
    hosts = story.meeting.hosts

    def book(cluster: Cluster) -> Playbook:
        made = Playbook()
        after = [made.add(TextFile(str(story.folder / f"after-{name}"), "1"), on=name) for name in hosts]
        for proof in (Measures(story.folder, hosts), Reads(story.folder, hosts, late=fails)):
            made.prove(proof, before=after)
        return made

    return book


def test_one_that_measures_makes_itself_ready_while_another_is_under_way_and_waits_for_its_end(story: Story) -> None:
    report = story.hosts.run("up", measured(story))
    assert (report.exit_code, story.made("after")) == (0, 3)
    assert story.notes() == ["1 hosts met", "company on host-1, for 77 s"], "as they come to their end"


def test_what_one_beside_it_finds_keeps_all_from_being_begun(story: Story) -> None:
    report = story.hosts.run("up", measured(story, fails="host-1"))
    assert (report.exit_code, story.made("after")) == (1, 0)
    assert [(error.host, error.message) for error in report.errors] == [("host-1", "it was not met")]
    assert story.notes() == ["company on host-1, for 77 s"]


def test_without_another_it_has_no_company(story: Story) -> None:
    assert story.hosts.run("up", measured(story), skip=["reads"]).exit_code == 0
    assert "no company, for 0 s" in story.notes()
