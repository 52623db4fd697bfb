"""Two kinds of folders that a host makes at the same time, while a proof is under way. The hosts are no more than what
they answer; each side waits for the other, so that neither can end well alone."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, cast

import pytest
from proof_samples import Asks

from provision.core.errors import HostError, ProvisionError, ScriptFailed
from provision.core.events import Doing, Event, Failed, Note, Progress, StepDone, StepSkipped
from provision.core.finding import blocker
from provision.core.plan import Mode, make_plan
from provision.core.playbook import Playbook
from provision.core.proof import Shown
from provision.core.resource import Resource, State
from provision.core.script import Fragment, Script, Upload
from provision.core.stopwatch import Stopwatch
from provision.core.timing import Timings
from provision.engine.ahead import ahead_of
from provision.engine.apply import Applier
from provision.engine.prover import Prover
from provision.engine.rollout import Carrier
from provision.engine.turns import Turn
from provision.inventory.models import Host
from provision.transport import Transport


def nothing(*_: object) -> int:
    return 0


@dataclass(frozen=True)
class Folder(Resource):
    kind: str
    files: bool = False
    prepares: Callable[[str], object] = nothing

    @property
    def id(self) -> str:
        return f"{self.kind}:mine"

    @property
    def label(self) -> str:
        return self.kind

    def want(self) -> State:
        return {"made": "yes", "used": "yes"}

    def probe(self) -> Script:
        return Script(f"probe {self.kind}")

    def fix(self, have: State, want: State) -> Script:
        return Script(f"use {self.kind}")

    def ahead(self, have: State) -> bool:
        return "made" not in (have or {})

    def fix_ahead(self, have: State, want: State) -> Script:
        return Script(f"make {self.kind}", uploads=self._files())

    def read(self, fragment: Fragment) -> State:
        return dict.fromkeys(fragment.stdout.split(), "yes") or None

    def prepare(self, say: Callable[[str], None]) -> None:
        self.prepares(self.kind)

    def _files(self) -> tuple[Upload, ...]:
        return (Upload(Path(__file__), self.kind),) if self.files else ()


@dataclass(frozen=True)
class Sent(Folder):
    ends_ahead: ClassVar[bool] = True


@dataclass
class Hosts:
    """`make`: what making waits for, given kind and host; returns its exit code. `sends`: what sending does, given what
    hears how far it is."""

    names: tuple[str, ...] = ("a", "b")
    resources: Sequence[Folder] = (Folder("environment"), Folder("weights"))
    reads: Callable[[], Shown] = Shown
    make: Callable[[str, str], int] = nothing
    sends: Callable[[Callable[[int, int], None]], object] = nothing
    there: set[tuple[str, str, str]] = field(default_factory=set)
    #: Host, and whose files it was sent.
    sent: list[tuple[str, str]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    cancel: threading.Event = field(default_factory=threading.Event)
    watch: Stopwatch = field(default_factory=Stopwatch)

    def connect(self, host: Host) -> "Session":
        return Session(self, host.name)

    def aftermath(self, host: Host, error: HostError) -> HostError:
        return error

    def carry_out(self) -> tuple[Carrier, Applier]:
        book = Playbook()
        for name in self.names:
            for resource in self.resources:
                book.add(resource, on=name)
        book.prove(Asks(self.names, self.reads))
        plan = make_plan(Mode.UP, book.steps, {step.key: None for step in book.steps})
        hosts = [Host(name=name, address=name) for name in self.names]
        transport, emit = cast(Transport, self), self.events.append
        carrier = Carrier(Prover(transport, hosts, emit, watch=self.watch), emit, self.cancel, (), self.watch)
        with ThreadPoolExecutor(1) as pool:  # one thread for all that is made in turn
            applier = Applier(transport, pool, hosts, emit, self.cancel, self.watch)
            carrier.carry_out(plan, book.proofs, applier)
        return carrier, applier

    def whose(self, what: str, kind: str) -> list[str]:
        return sorted(host for host, was, of in self.there if (was, of) == (what, kind))

    def steps(self, kind: type[StepDone | StepSkipped]) -> list[str]:
        return [event.step for event in self.events if isinstance(event, kind)]

    def skipped(self) -> dict[str, str]:
        """Step → why."""
        return {event.step: event.why for event in self.events if isinstance(event, StepSkipped)}


@dataclass
class Session:
    hosts: Hosts
    name: str

    def run(self, scripts: Sequence[Script], *, on_line: Callable[..., None], writes: bool) -> list[Fragment]:
        return [self._one(script.body.splitlines()[-1], index, on_line) for index, script in enumerate(scripts)]

    def send(self, uploads: Sequence[Upload], *, on_bytes: Callable[[int, int], None]) -> None:
        self.hosts.sent.append((self.name, uploads[0].into))
        self.hosts.sends(on_bytes)

    def _one(self, line: str, index: int, on_line: Callable[..., None]) -> Fragment:
        word, _, kind = line.partition(" ")
        on_line(index, "stdout", "")
        if word == "probe":
            return Fragment(
                0, " ".join(was for was in ("made", "used") if (self.name, was, kind) in self.hosts.there), ""
            )
        rc = self.hosts.make(kind, self.name) if word == "make" else 0
        if not rc:
            self.hosts.there.add((self.name, {"make": "made", "use": "used"}.get(word, word), kind))
        return Fragment(rc, "", "" if not rc else "it did not work")


def wait_for(found: Callable[[], Sequence[tuple[str, str]]], what: tuple[str, str]) -> Sequence[tuple[str, str]]:
    for _ in range(2000):
        if what in found():
            break
        threading.Event().wait(0.01)
    return found()


class Meeting:
    """Two that only go on together: of one host, each kind of folder."""

    def __init__(self) -> None:
        self._met = {name: threading.Barrier(2) for name in "ab"}

    def __call__(self, kind: str, host: str) -> int:
        self._met[host].wait(20)
        return 0


def test_two_kinds_are_made_on_one_host_at_the_same_time_and_used_when_the_proof_is_through() -> None:
    hosts = Hosts(names=("a",), make=Meeting())
    used: list[list[str]] = []

    def reads() -> Shown:
        used.append([*hosts.whose("used", "environment"), *hosts.whose("used", "weights")])
        return Shown()

    hosts.reads = reads
    carrier, applier = hosts.carry_out()
    assert (carrier.blocks, applier.errors, used) == ([], [], [[]])
    assert (hosts.whose("used", "environment"), hosts.whose("used", "weights")) == (["a"], ["a"])
    # A change is one, however many parts it was made in; and it is made in its place.
    assert hosts.steps(StepDone) == ["a/environment:mine", "a/weights:mine"]


def test_what_one_side_fails_with_is_told_and_the_other_comes_to_its_end() -> None:
    failed = threading.Event()

    class Told(list[Event]):
        def append(self, event: Event) -> None:
            super().append(event)
            if isinstance(event, Failed):
                failed.set()

    def make(kind: str, host: str) -> int:
        if kind == "environment":
            return 3
        return 0 if failed.wait(20) else 4

    hosts = Hosts(names=("a",), make=make, events=Told())
    carrier, applier = hosts.carry_out()
    (error,) = applier.errors
    assert isinstance(error, ScriptFailed) and error.message.startswith("environment: failed")
    assert list(applier.failed) == ["a/environment:mine"] and not carrier.blocks
    assert (hosts.whose("made", "weights"), hosts.whose("used", "weights")) == (["a"], [])
    assert hosts.skipped() == {"a/weights:mine": "a failed; what was built for it stays for the next `up`"}


def test_a_proof_that_fails_ends_what_may_take_hours_and_lets_the_other_come_to_its_end() -> None:
    sending, making, ended = threading.Event(), threading.Event(), threading.Event()

    def sends(on_bytes: Callable[[int, int], None]) -> None:
        sending.set()
        try:
            while not ended.wait(0.01):
                on_bytes(1, 9)
        finally:
            ended.set()

    def reads() -> Shown:
        assert sending.wait(20) and making.wait(20)
        return Shown((blocker("a", "it is not so"),))

    def make(kind: str, host: str) -> int:
        making.set()
        return 0 if ended.wait(20) else 4

    resources = (Folder("environment"), Sent("weights", files=True))
    hosts = Hosts(("a",), resources, reads, make=make, sends=sends)
    carrier, applier = hosts.carry_out()
    assert [error.message for error in carrier.blocks] == ["it is not so"] and not applier.errors
    assert (hosts.whose("made", "environment"), hosts.whose("made", "weights")) == (["a"], [])
    assert hosts.skipped() == {
        "a/environment:mine": "a proof failed; what was built for it stays for the next `up`",
        "a/weights:mine": "a proof failed",
    }


def test_errors_that_nobody_foresaw_on_several_sides_are_all_told() -> None:
    begun = threading.Barrier(3)

    def fails(kind: str) -> None:
        begun.wait(20)
        raise KeyError(kind)

    def reads() -> Shown:
        begun.wait(20)
        raise ZeroDivisionError("of the proof")

    resources = (Folder("environment", prepares=fails), Folder("weights", prepares=fails))
    hosts = Hosts(("a",), resources, reads)
    with pytest.raises(KeyError, match="environment") as raised:
        hosts.carry_out()
    said = "at the same time another part of the run ended with"
    notes = [event.text for event in hosts.events if isinstance(event, Note)]
    assert notes == [f"{said} KeyError: 'weights'", f"{said} ZeroDivisionError: of the proof"]
    chained = raised.value.__context__
    assert isinstance(chained, KeyError) and isinstance(chained.__context__, ZeroDivisionError)


def test_ctrl_c_ends_both_and_says_of_each_change_once_that_it_was_not_made() -> None:
    sending = threading.Event()

    def sends(on_bytes: Callable[[int, int], None]) -> None:
        sending.set()
        while True:
            on_bytes(1, 9)

    def make(kind: str, host: str) -> int:
        assert sending.wait(20)
        hosts.cancel.set()
        return 0

    resources = (Folder("environment"), Sent("weights", files=True))
    hosts = Hosts(("a", "b"), resources, make=make, sends=sends)
    _, applier = hosts.carry_out()
    assert not applier.errors and not hosts.steps(StepDone)
    skipped = hosts.steps(StepSkipped)
    assert len(skipped) == len(set(skipped)) == 4


def test_both_are_told_of_a_host_with_how_far_each_of_them_is() -> None:
    meeting = Meeting()

    def sends(on_bytes: Callable[[int, int], None]) -> None:
        meeting("weights", "a")  # the other one is at work by now
        on_bytes(1 << 20, 1 << 20)

    def make(kind: str, host: str) -> int:
        return meeting(kind, host) if kind == "environment" else 0

    hosts = Hosts(("a",), (Folder("environment"), Sent("weights", files=True)), make=make, sends=sends)
    hosts.carry_out()
    doing = [event.what for event in hosts.events if isinstance(event, Doing)]
    assert "environment · receiving weights" in doing
    assert any("1/1 MiB" in event.text for event in hosts.events if isinstance(event, Progress))


def test_on_each_host_what_is_soon_made_is_sent_first_and_what_may_take_hours_while_that_is_made() -> None:
    making = {name: threading.Event() for name in "ab"}
    over = threading.Event()

    def sends(on_bytes: Callable[[int, int], None]) -> None:
        on_bytes(1, 1)
        if len(hosts.sent) == 4:
            over.set()

    def make(kind: str, host: str) -> int:
        if kind == "environment":
            making[host].set()
            # One after another, since there is one thread: the second host is sent its own while the first goes on.
            return 0 if host == "b" or ("a", "weights") in wait_for(lambda: hosts.sent, ("a", "weights")) else 4
        return 0 if making[host].is_set() else 5

    resources = (Sent("weights", files=True), Folder("environment", files=True))
    hosts = Hosts(("a", "b"), resources, make=make, sends=sends)
    _, applier = hosts.carry_out()
    assert not applier.errors and over.is_set()
    for name in "ab":
        assert hosts.sent.index((name, "environment")) < hosts.sent.index((name, "weights"))
    received = {(span.host, span.name): span for span in hosts.watch.spans if span.kind == "files"}
    for name in "ab":
        assert received[name, "receiving weights"].behind is received[name, "receiving files"]


@pytest.mark.parametrize("cancelled", [False, True])
def test_what_may_take_hours_waits_no_longer_than_the_others_have_something_to_send(cancelled: bool) -> None:
    def prepares(kind: str) -> None:
        if kind == "environment":
            if cancelled:
                hosts.cancel.set()
            raise ProvisionError("the index does not answer")

    resources = (Folder("environment", files=True, prepares=prepares), Sent("weights", files=True, prepares=nothing))
    hosts = Hosts(("a", "b"), resources)
    carrier, applier = hosts.carry_out()
    assert not applier.errors and not hosts.whose("used", "weights")
    if not cancelled:
        assert [error.message for error in carrier.blocks] == ["the index does not answer"]
        assert (hosts.whose("made", "environment"), hosts.whose("made", "weights")) == ([], ["a", "b"])


def test_what_may_take_hours_waits_for_the_files_of_every_other_kind() -> None:
    def prepares(kind: str) -> None:
        # The first kind, which has no files, is made by then; and whoever waits looks for it more often than that.
        wait_for(lambda: [(host, of) for host, _, of in hosts.there], ("a", "environment"))
        threading.Event().wait(0.5)

    resources = (Folder("environment"), Folder("image", files=True, prepares=prepares), Sent("weights", files=True))
    hosts = Hosts(("a",), resources)
    _, applier = hosts.carry_out()
    assert not applier.errors and hosts.sent == [("a", "image"), ("a", "weights")]


@pytest.mark.parametrize("files", [False, True])
def test_what_is_not_needed_any_more_when_its_turn_comes_is_not_begun(files: bool) -> None:
    hosts, ends = Hosts(("a",)), threading.Event()

    class ItsTurn(Turn):
        def wait(self, host: str = "") -> None:
            ends.set()

    book = Playbook()
    book.add(Sent("weights", files=files), on="a")
    plan = make_plan(Mode.UP, book.steps, {step.key: None for step in book.steps})
    emit = hosts.events.append
    with ThreadPoolExecutor(1) as pool:
        of = [Host(name="a", address="a")]
        applier = Applier(cast(Transport, hosts), pool, of, emit, hosts.cancel, hosts.watch)
        side = applier.beside(emit, hosts.watch, lambda: True, ends=ends, turn=ItsTurn())
        done = side.apply(replace(plan, changes=tuple(map(ahead_of, plan.changes))), ends)
    assert (done, hosts.sent, hosts.there, hosts.events, applier.errors) == (frozenset(), [], set(), [], [])


@pytest.mark.parametrize(("slow", "quick"), [("weights", "environment"), ("environment", "weights")])
def test_each_side_is_written_down_and_what_the_rest_waited_for_is_the_longer_one(slow: str, quick: str) -> None:
    begun, over = threading.Event(), threading.Event()

    def make(kind: str, host: str) -> int:
        begun.set() if kind == slow else begun.wait(20)
        return 0 if kind == quick or over.wait(20) else 4

    class Told(list[Event]):
        def append(self, event: Event) -> None:
            super().append(event)
            # The quick one is through by then.
            if isinstance(event, Doing) and event.what == slow and hosts.whose("made", quick):
                over.set()

    hosts = Hosts(("a",), make=make, events=Told())
    _, applier = hosts.carry_out()
    assert not applier.errors
    timings = Timings.of(hosts.watch.spans, 100.0)
    first = {span.name: span for span in reversed(timings.spans) if span.kind == "change"}
    assert first[slow].began < first[quick].ended < first[slow].ended
    assert (first["environment"].side, first["weights"].side) == ("", "weights")
    assert [span.name for span in timings.path if span.kind == "change"] == [slow, "environment", "weights"]
