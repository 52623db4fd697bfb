"""What goes wrong on one side while a proof is under way and folders are made: what is said of the other. The hosts are
no more than what they answer."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import cast

import pytest
from proof_samples import Asks

from provision.core.errors import ConnectionLost, HostError, Unreachable
from provision.core.events import Event, Failed, StepSkipped
from provision.core.finding import Finding, blocker
from provision.core.plan import Mode, Plan, make_plan
from provision.core.playbook import Playbook
from provision.core.proof import Shown
from provision.core.resource import Resource, State
from provision.core.script import Fragment, Script
from provision.core.stopwatch import Stopwatch
from provision.engine.apply import Applier
from provision.engine.gone import Told
from provision.engine.prover import Prover
from provision.engine.rollout import Carrier
from provision.inventory.models import Host
from provision.transport import Transport


@dataclass(frozen=True)
class Folder(Resource):
    lacks: str = ""
    prepares: Callable[[Callable[[str], None]], object] = lambda _: None

    id = "folder"

    def want(self) -> State:
        return {"made": "yes", "used": "yes"}

    def probe(self) -> Script:
        return Script("probe")

    def fix(self, have: State, want: State) -> Script:
        return Script("use")

    def ahead(self, have: State) -> bool:
        return "made" not in (have or {})

    def fix_ahead(self, have: State, want: State) -> Script:
        return Script("make")

    def prepare(self, say: Callable[[str], None]) -> None:
        self.prepares(say)

    def blockers(self, have: State) -> tuple[Finding, ...]:
        return (blocker("a", self.lacks),) if self.lacks else ()

    def read(self, fragment: Fragment) -> State:
        return dict.fromkeys(fragment.stdout.split(), "yes") or None


class Heard(Applier):
    given_up: list[threading.Event]

    def apply(self, plan: Plan, given_up: threading.Event | None = None) -> frozenset[str]:
        if given_up is not None:
            self.given_up.append(given_up)
        return super().apply(plan, given_up)


@dataclass
class Hosts:
    """`prove` and `make`: what their scripts wait for."""

    names: tuple[str, ...]
    reads: Callable[[], Shown] = Shown
    prove: Callable[[], object] = lambda: None
    make: Callable[[], object] = lambda: None
    prepare: Callable[[Callable[[str], None]], object] = lambda _: None
    threads: int = 4
    lacks: str = ""
    made: list[str] = field(default_factory=list)
    used: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    #: Told with what says that nothing more is to be begun.
    given_up: list[threading.Event] = field(default_factory=list)

    def connect(self, host: Host) -> "Session":
        return Session(self, host.name)

    def aftermath(self, host: Host, error: HostError) -> HostError:
        return error

    def carry_out(self) -> tuple[Carrier, Applier]:
        book = Playbook()
        for name in self.names:
            book.add(Folder(self.lacks, self.prepare), on=name)
        book.prove(Asks(self.names, self.reads))
        plan = make_plan(Mode.UP, book.steps, {step.key: None for step in book.steps})
        plan = replace(plan, blockers=())  # what is lacking is known only once it is prepared
        hosts = [Host(name=name, address=name) for name in self.names]
        transport, watch, cancel = cast(Transport, self), Stopwatch(), threading.Event()
        carrier = Carrier(Prover(transport, hosts, self.events.append), self.events.append, cancel, (), watch)
        with ThreadPoolExecutor(self.threads) as pool:
            applier = Heard(transport, pool, hosts, self.events.append, cancel, watch)
            applier.given_up = self.given_up
            carrier.carry_out(plan, book.proofs, applier)
        return carrier, applier

    def skipped(self) -> set[str]:
        return {event.why for event in self.events if isinstance(event, StepSkipped)}


@dataclass
class Session:
    hosts: Hosts
    name: str

    def run(self, scripts: Sequence[Script], *, on_line: Callable[..., None], writes: bool) -> list[Fragment]:
        return [self._one(script.body.splitlines()[-1], index, on_line) for index, script in enumerate(scripts)]

    def _one(self, word: str, index: int, on_line: Callable[..., None]) -> Fragment:
        on_line(index, "stdout", "")
        said = ""
        if word == "prove":
            self.hosts.prove()
        elif word == "make":
            self.hosts.made.append(self.name)
            self.hosts.make()
        elif word == "use":
            self.hosts.used.append(self.name)
        elif word == "probe":
            said = "made used" if self.name in self.hosts.used else "made" if self.name in self.hosts.made else ""
        return Fragment(0, said, "")


def test_a_proof_that_went_well_is_not_said_to_have_failed_because_something_else_is_not_there() -> None:
    told = threading.Event()
    hosts = Hosts(("a",), lacks="no room", prove=lambda: told.wait(5))

    class Told(list[Event]):
        def append(self, event: Event) -> None:
            super().append(event)
            if "no room" in str(event):
                told.set()

    hosts.events = Told()
    carrier, _ = hosts.carry_out()
    assert [error.message for error in carrier.blocks] == ["no room"]
    assert (hosts.skipped(), hosts.made, hosts.used) == ({"what it needs is not there"}, [], [])


def test_what_has_no_thread_yet_when_a_proof_fails_is_not_begun() -> None:
    making = threading.Semaphore(0)

    def reads() -> Shown:
        assert making.acquire(timeout=10) and making.acquire(timeout=10)
        return Shown((blocker("a", "it is not so"),))

    def make() -> None:
        making.release()
        assert hosts.given_up[0].wait(10)

    hosts = Hosts(tuple("abcdef"), reads, make=make, threads=2)
    carrier, applier = hosts.carry_out()
    assert [error.message for error in carrier.blocks] == ["it is not so"] and not applier.errors
    said = {"a proof failed", "a proof failed; what was built for it stays for the next `up`"}
    assert (len(hosts.made), hosts.used, hosts.skipped()) == (2, [], said)
    assert sum(isinstance(event, StepSkipped) for event in hosts.events) == len(hosts.names)


def test_an_error_that_no_proof_should_raise_lets_nothing_more_begin() -> None:
    making = threading.Semaphore(0)

    def reads() -> Shown:
        assert making.acquire(timeout=10)
        raise ZeroDivisionError

    def make() -> None:
        making.release()
        hosts.given_up[0].wait(10)

    hosts = Hosts(tuple("abcdef"), reads, make=make, threads=1)
    with pytest.raises(ZeroDivisionError):
        hosts.carry_out()
    assert (len(hosts.made), hosts.used) == (1, [])


@pytest.mark.parametrize("gone", [Unreachable, ConnectionLost])
@pytest.mark.parametrize("first", ["prove", "make"])
def test_a_host_that_is_gone_is_one_error_whoever_finds_it_first(first: str, gone: type[HostError]) -> None:
    begun = {"prove": threading.Event(), "make": threading.Event()}
    over = threading.Event()

    def breaks(what: str) -> None:
        begun[what].set()
        assert all(event.wait(10) for event in begun.values())
        if what != first:
            assert over.wait(10)
        raise gone("a", "it does not answer any more")

    class Told(list[Event]):
        def append(self, event: Event) -> None:
            super().append(event)
            if isinstance(event, Failed):
                over.set()

    def reads() -> Shown:
        return Shown((blocker("a", "it took no part"),))

    hosts = Hosts(("a",), reads, prove=lambda: breaks("prove"), make=lambda: breaks("make"), events=Told())
    carrier, applier = hosts.carry_out()
    assert [error.message for error in (*applier.errors, *carrier.blocks)] == ["it does not answer any more"]
    assert sum(isinstance(event, Failed) for event in hosts.events) == 1 and not hosts.used
    # Its step has failed, where that is what was told, or is left out.
    assert len(hosts.skipped()) == (first == "prove") and len(applier.failed) == (first == "make")


@pytest.mark.parametrize("first", ["prove", "make"])
def test_that_a_host_cannot_be_reached_is_told_after_a_broken_connection(first: str) -> None:
    """By another: a run ends with another exit code for it."""
    begun = {"prove": threading.Event(), "make": threading.Event()}
    broken = threading.Event()

    def breaks(what: str) -> None:
        begun[what].set()
        assert all(event.wait(10) for event in begun.values())
        if what == first:
            raise ConnectionLost("a", "the connection broke")
        assert broken.wait(10)
        raise Unreachable("a", "it does not answer any more")

    class Heard(list[Event]):
        def append(self, event: Event) -> None:
            super().append(event)
            if isinstance(event, Failed):
                broken.set()

    hosts = Hosts(("a",), lambda: Shown(()), prove=lambda: breaks("prove"), make=lambda: breaks("make"), events=Heard())
    carrier, applier = hosts.carry_out()
    assert Unreachable in {type(error) for error in (*applier.errors, *carrier.blocks)}
    assert not hosts.used


def test_a_broken_connection_is_not_told_after_that_a_host_cannot_be_reached() -> None:
    told, one, other = Told(), object(), object()
    assert told.first(Unreachable("a", "it does not answer"), one)
    assert not told.first(ConnectionLost("a", "the connection broke"), other)
    assert told.first(ConnectionLost("a", "the connection broke"), one), "by the same it is another step"
    assert told.first(ConnectionLost("b", "the connection broke"), other)


def test_what_is_being_prepared_when_a_proof_fails_is_left_there() -> None:
    def prepare(say: Callable[[str], None]) -> None:
        for _ in range(1000):
            say("fetching")
            time.sleep(0.01)
        fetched.append("all of it")

    fetched: list[str] = []
    hosts = Hosts(("a", "b"), lambda: Shown((blocker("a", "it is not so"),)), prepare=prepare)
    carrier, applier = hosts.carry_out()
    assert [error.message for error in carrier.blocks] == ["it is not so"] and not applier.errors
    assert (fetched, hosts.made, hosts.skipped()) == ([], [], {"a proof failed"})
