"""Carrying a plan out: stretches on a pool of threads, each verified in its own round trip."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import field, replace
from typing import Any

from provision.cluster.relaying import RelayHost
from provision.core import events
from provision.core.errors import (
    Cancelled,
    HostError,
    ProvisionError,
    ScriptFailed,
    Unreachable,
)
from provision.core.events import Listener
from provision.core.plan import Change, Plan
from provision.core.resource import State
from provision.core.script import PROGRESS, Fragment, Script
from provision.core.stopwatch import Stopwatch
from provision.core.timing import Span
from provision.core.values import dataclass
from provision.engine.ahead import is_ahead
from provision.engine.gone import Told
from provision.engine.relaying import Gathering, Relaying
from provision.engine.schedule import Schedule, Stretch, needs_confirmation
from provision.engine.sending import send
from provision.engine.turns import AnyOf, Turn
from provision.engine.watch import Watch
from provision.inventory.models import Host
from provision.transport import Transport


class Applier:
    """Applies one plan. `errors`, `failed` (the same, by step), `ended` (monotonic seconds, by host), `states` (what
    was seen of each step once it had been changed) and `kept` (keys of steps that left what they were to remove) are
    complete once `apply` returns."""

    def __init__(
        self,
        transport: Transport,
        pool: ThreadPoolExecutor,
        hosts: Sequence[Host],
        emit: Listener,
        cancel: threading.Event,
        watch: Stopwatch,
        carriers: Mapping[str, RelayHost] | None = None,
    ) -> None:
        """`carriers`: hosts that may have large files from each other."""
        self._transport = transport
        self._pool = pool
        self._hosts = {h.name: h for h in hosts}
        self._emit = emit
        self._cancel = cancel
        self._watch = watch
        self._relaying = Relaying(transport, self._hosts, carriers or {}, emit, cancel, watch)
        self.errors: list[HostError] = []
        self.failed: dict[str, HostError] = {}
        self.ended: dict[str, float] = {}
        self.states: dict[str, State] = {}
        self.kept: set[str] = set()
        #: A proof that is gone through meanwhile finds the same hosts gone.
        self.told = Told()
        #: Seconds that a step has taken whose change is not whole yet.
        self._spent: dict[str, float] = {}
        #: Once it is set, what is being sent ends where it is.
        self._ends = cancel
        self._turn = Turn()

    def beside(
        self,
        emit: Listener,
        watch: Stopwatch,
        may_relay: Callable[[], bool],
        *,
        pool: ThreadPoolExecutor | None = None,
        ends: threading.Event | None = None,
        turn: Turn | None = None,
    ) -> Applier:
        """One more, for a side of what is made while proofs are under way; what comes of it comes of this one, too.
        `may_relay`: as of Relaying; `pool`: threads of its own; `ends`: once it is set, nothing more is sent; `turn`:
        in which its files are sent."""
        other = copy.copy(self)
        other._pool, other._emit, other._watch = pool or self._pool, emit, watch
        other._turn = turn or Turn()
        other._ends = AnyOf(self._cancel, ends) if ends is not None else self._cancel
        other._relaying = self._relaying.beside(emit, watch, may_relay, other._ends)
        return other

    def apply(self, plan: Plan, given_up: threading.Event | None = None) -> frozenset[str]:
        """Returns the keys of the steps that were carried out and verified. Does not raise for a host's failure.
        `given_up`: once it is set nothing more is begun, and nothing said of what was not."""
        schedule, given_up = Schedule(plan), given_up or threading.Event()
        running: dict[Future[_Outcome], Stretch] = {}
        self._relaying.know(plan.unchanged)
        gathering = Gathering(self._relaying, self._pool)
        done: set[str] = set()
        while not schedule.finished:
            if self._cancel.is_set():
                for change in schedule.stop():
                    self._skip(change, "cancelled")
            if given_up.is_set():
                schedule.stop()
            for stretch in gathering.ready(schedule.ready(), busy=bool(running)):
                running[self._pool.submit(self._stretch, stretch, given_up)] = stretch
            begun: list[Future[Any]] = [*running, *gathering.running]
            wait(begun, gathering.patience, FIRST_COMPLETED)
            for future in [future for future in running if future.done()]:
                stretch = running.pop(future)
                outcome = future.result()
                done |= outcome.good
                self.states |= outcome.states
                unreached = [c.step.key for c in stretch.changes if c.step.key not in outcome.good | outcome.failed]
                for change, cause in schedule.done(stretch, [*sorted(outcome.failed), *unreached]):
                    self._skip(change, "cancelled" if self._cancel.is_set() else _needs(plan, cause))
        return frozenset(done)

    def _skip(self, change: Change, why: str) -> None:
        # Of what was made ahead, the change as a whole tells.
        if not is_ahead(change):
            self._emit(events.skipped(change, why))

    def _stretch(self, stretch: Stretch, given_up: threading.Event) -> _Outcome:
        """Runs one stretch. Failures are recorded, never raised."""
        outcome, begun = _Outcome(), 0
        if given_up.is_set():  # while it waited for a thread, or for others
            return outcome
        rest: Stretch | None = None if self._cancel.is_set() else stretch
        try:
            while rest is not None:
                stretch = rest
                rest = self._run(stretch, outcome)
        except HostError as broken:
            error = self._transport.aftermath(self._hosts[stretch.host], broken)
            begun = _index(error)
            self._record(error, outcome, stretch.changes[begun])
        except Cancelled:
            pass
        except ProvisionError as error:
            self._record(_on_host(stretch.host, error), outcome, stretch.changes[0])
        finally:
            self.ended[stretch.host] = time.monotonic()
            self._turn.over(stretch.host)
        why = "cancelled" if self._cancel.is_set() else "the step before it failed"
        for change in stretch.changes[begun:]:
            if change.step.key not in outcome.good | outcome.failed:
                self._skip(change, why)
        return outcome

    def _run(self, stretch: Stretch, outcome: _Outcome) -> Stretch | None:
        """Returns what is left of it where a change is to be tried once more."""
        host, changes = stretch.host, stretch.changes
        behind, scripts = self._watch.behind, self._prepare(stretch)
        session = self._transport.connect(self._hosts[host])
        self._turn.wait(host)
        send(session, stretch, scripts, self._emit, self._watch, self._ends, waited=self._turn.waits)
        self._turn.over(host)
        batch: list[Script] = []
        for change, script in zip(changes, scripts, strict=True):
            # What can still be taken down should be, whatever else fails.
            removes = change.want is None
            batch += [_announced(script, optional=removes), replace(change.step.resource.probe(), optional=removes)]
        watch = Watch(host, changes, self._emit)
        try:
            fragments = session.run(batch, on_line=watch.line, writes=True)
        except BaseException:
            watch.finish()
            self._write(watch, changes, outcome, behind)
            raise
        watch.finish()
        try:
            return self._judge(stretch, fragments, watch, outcome)
        finally:
            self._write(watch, changes, outcome, behind)

    def _judge(
        self, stretch: Stretch, fragments: Sequence[Fragment], watch: Watch, outcome: _Outcome
    ) -> Stretch | None:
        """What came of each change. Returns as `_run`."""
        from provision.engine.verified import kept, verified

        host, changes = stretch.host, stretch.changes
        for index, change in enumerate(changes):
            fixed, seen = fragments[2 * index], fragments[2 * index + 1]
            if fixed.rc is None:
                break
            known = None if fixed.ok else self._resumed(change, fixed, outcome)
            if known is not None:
                return replace(stretch, changes=(replace(change, have=known), *changes[index + 1 :]))
            try:
                state = verified(host, change, fixed, seen)
                self._confirm(host, change)
            except HostError as error:
                self._record(error, outcome, change)
                continue
            step = change.step
            outcome.good.add(step.key)
            outcome.states[step.key] = state
            if why := kept(change, fixed):
                self.kept.add(step.key)
                self._skip(change, why)
                continue
            seconds = self._spent.pop(step.key, 0.0) + watch.seconds(index)
            if is_ahead(change):
                self._spent[step.key] = seconds
                self._emit(events.Doing(host, "", passing=True))
                continue
            self._emit(events.StepDone(host, step.key, step.resource.label, change.action.value, seconds))
        return None

    def _resumed(self, change: Change, failed: Fragment, outcome: _Outcome) -> State:
        """None, unless it is to be tried once more, which no change is twice."""
        if change.step.key in outcome.again:
            return None
        outcome.again.add(change.step.key)
        return change.step.resource.resumed(change.have, failed)

    def _write(self, watch: Watch, changes: Sequence[Change], outcome: _Outcome, behind: Span | None) -> None:
        """How long each took that has begun."""
        for index, change in enumerate(changes):
            if watch.has_begun(index):
                step = change.step
                self._watch.write(
                    "change",
                    step.resource.label,
                    step.host,
                    *watch.span(index),
                    step=step.key,
                    after=step.after,
                    behind=behind,
                    done=step.key in outcome.good,
                )

    def _prepare(self, stretch: Stretch) -> list[Script]:
        scripts = []
        for change in stretch.changes:
            resource = change.step.resource
            resource.prepare(lambda text: self._emit(events.Progress(stretch.host, text)))
            scripts.append(resource.fix(change.have, change.want))
        return scripts

    def _confirm(self, host: str, change: Change) -> None:
        """Over a connection of its own: the one that is there stays open whatever was closed."""
        script = change.step.resource.confirm() if needs_confirmation(change) else None
        if script is None:
            return
        label = change.step.resource.label
        back = "the host takes it back by itself"
        try:
            with self._transport.another(self._hosts[host]) as session:
                (fragment,) = session.run([script], writes=True)
        except Unreachable as error:
            message = f"{label}: no other connection could be opened; {back}"
            raise ScriptFailed(host, message, evidence=(error.message, *error.evidence), hint=error.hint) from error
        if not fragment.ok:
            raise ScriptFailed(host, f"{label}: could not be confirmed; {back}", evidence=fragment.tail())

    def _record(self, error: HostError, outcome: _Outcome, change: Change) -> None:
        outcome.failed.add(change.step.key)
        if not self.told.first(error, self):
            return
        self.errors.append(error)
        self.failed[change.step.key] = error
        self._emit(events.failed(error, change.step.key))


@dataclass
class _Outcome:
    """Keys of a stretch's changes: verified, and failed. The others were not reached. `states`: of those verified.
    `again`: keys of those that have failed once, whether or not they are tried again."""

    good: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)
    states: dict[str, State] = field(default_factory=dict)


def _index(error: HostError) -> int:
    """Which change of a stretch it was, as far as the error says: each is a fix and a probe."""
    return (getattr(error, "index", None) or 0) // 2


def _announced(script: Script, *, optional: bool) -> Script:
    """Says when it begins, so that the view shows what the host is doing before there is any output."""
    body = f"printf '%s\\n' '{PROGRESS}'\n{script.body}"
    return replace(script, body=body, uploads=(), optional=optional)


def _on_host(host: str, error: ProvisionError) -> HostError:
    return HostError(host, error.message, evidence=error.evidence, hint=error.hint)


def _needs(plan: Plan, key: str) -> str:
    """Why a step is left out that comes after the one of this key."""
    step = next((change.step for change in plan.changes if change.step.key == key), None)
    return f"needs {f'{step.resource.label} on {step.host}' if step else key}, which failed"
