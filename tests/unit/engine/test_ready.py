"""What changes stand on is there, and judged, before the first of them is made on any host."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from provision.core.errors import LockError
from provision.core.events import Event, Progress
from provision.core.finding import Finding, Severity
from provision.core.plan import Mode, make_plan
from provision.core.playbook import Playbook, Step
from provision.core.resource import Resource, State
from provision.core.script import Script
from provision.engine.ready import make_ready


@dataclass(frozen=True)
class Thing(Resource):
    """`lacks`: what its preparation cannot get. `alike`: what it shares with others. `log`: who was prepared."""

    host: str
    log: list[str] = field(hash=False)
    lacks: str = ""
    alike: object = None
    room: bool = True

    @property
    def id(self) -> str:
        return "thing"

    def want(self) -> State:
        return {"there": "yes"}

    def probe(self) -> Script:
        return Script("")

    def fix(self, have: State, want: State) -> Script:
        return Script("")

    def prepare(self, say: Callable[[str], None]) -> None:
        self.log.append(self.host)
        say("fetching")
        if self.lacks:
            raise LockError(self.lacks, hint="do this")

    def prepared_as(self) -> object:
        return self.alike

    def blockers(self, have: State) -> tuple[Finding, ...]:
        # Only what was fetched tells how large it is.
        known = self.log and not self.room
        return (Finding(self.host, "packages", "room", Severity.BLOCKS, said="too little"),) if known else ()


def tried(*things: Thing, cancelled: bool = False, mode: Mode = Mode.UP) -> tuple[list[tuple[str, str]], list[Event]]:
    """Host and message of each error, and what the listener heard."""
    book = Playbook()
    for thing in things:
        book.add(thing, on=thing.host)
    have: State = {"there": "no"}
    plan = make_plan(mode, book.steps, {step.key: have for step in book.steps if isinstance(step, Step)})
    assert plan.changes and not plan.blockers
    heard: list[Event] = []
    cancel = threading.Event()
    if cancelled:
        cancel.set()
    found = make_ready(plan.changes, heard.append, cancel)
    return [(error.host, error.message) for error in found], heard


def test_after_the_first_that_lacks_something_no_other_is_tried() -> None:
    log: list[str] = []
    errors, heard = tried(Thing("a", log), Thing("b", log, lacks="no index"), Thing("c", log))
    assert errors == [("b", "no index")] and log == ["a", "b"]
    assert [event for event in heard if isinstance(event, Progress)] == [Progress(h, "fetching") for h in ("a", "b")]


def test_what_is_alike_is_prepared_once() -> None:
    log: list[str] = []
    assert tried(*(Thing(h, log, alike=["x"]) for h in "abc"), Thing("d", log), Thing("e", log))[0] == []
    assert log == ["a", "d", "e"]


def test_each_host_is_judged_by_what_is_known_then() -> None:
    log: list[str] = []
    assert tried(Thing("a", log, room=False), Thing("b", log), Thing("c", log, room=False))[0] == [
        ("a", "too little"),
        ("c", "too little"),
    ]


def test_what_is_removed_needs_nothing_and_who_cancels_hears_no_error() -> None:
    log: list[str] = []
    assert tried(Thing("a", log, lacks="no index"), mode=Mode.DOWN)[0] == [] and log == []
    assert tried(Thing("a", log, lacks="no index"), cancelled=True)[0] == [] and log == []
