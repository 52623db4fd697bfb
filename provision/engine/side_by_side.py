"""New folders that the hosts make while proofs are under way: those of each kind on a side of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Protocol

from provision.cluster.gather import POOL
from provision.core.errors import ProvisionError
from provision.core.events import Listener, Note
from provision.core.plan import Change, Plan
from provision.core.stopwatch import Stopwatch
from provision.core.values import dataclass
from provision.engine.ahead import ahead_of
from provision.engine.apply import Applier
from provision.engine.prover import LOOK, Beside
from provision.engine.sides import Sides
from provision.engine.turns import AnyOf, Turn


class Unready(Protocol):
    """Why these are not made; empty if they are, or once `given_up` is set."""

    def __call__(
        self, changes: Sequence[Change], emit: Listener, watch: Stopwatch, given_up: threading.Event
    ) -> str: ...


class SideBySide:
    """For one stage of `plan`. Nothing uses what `changes` make here before all its proofs are through. What is being
    made when a proof fails is made to its end, or as far as it is where that may be far away; nothing else is begun.
    What fails on one side keeps no other one from its end."""

    def __init__(
        self,
        plan: Plan,
        changes: Sequence[Change],
        applier: Applier,
        unready: Unready,
        emit: Listener,
        cancel: threading.Event,
        watch: Stopwatch,
    ) -> None:
        self._plan, self._applier, self._unready, self._watch = plan, applier, unready, watch
        self._cancel, self._failed, self._proved = cancel, threading.Event(), threading.Event()
        self._beside = Beside(behind=watch.behind)
        self._kinds = _by_kind(changes)
        self._emit, self._told = emit, Sides(emit, list(self._kinds))
        # A line is for what is soon made first, on each host: what is made of it takes the processor, and meanwhile the
        # files of another side come, which may take hours.
        long = {kind for kind, changes in self._kinds.items() if all(c.step.resource.ends_ahead for c in changes)}
        first = {
            kind: Turn(change.step.host for change in changes)
            for kind, changes in self._kinds.items()
            if kind not in long
        }
        last = Turn(after=tuple(first.values()), ends=AnyOf(cancel, self._failed))
        self._turns = first | dict.fromkeys(long, last)
        self._long = long

    def make(self, prove: Callable[[Beside], str]) -> str:
        """`prove`: goes through the proofs. Returns why the stage cannot start, as it does; empty if nothing keeps it
        from that but what failed on a host."""
        with ThreadPoolExecutor(1 + len(self._kinds)) as pool, ExitStack() as pools:
            sides = [self._side(kind, pools) for kind in self._kinds]
            proving = pool.submit(self._prove, prove)
            making = [pool.submit(self._make, side) for side in sides]
            errors = [error for one in (*making, proving) if (error := one.exception()) is not None]
        self._raise(errors)
        self._watch.all_waited()
        return proving.result() or next((why for one in making if (why := one.result())), "")

    def _raise(self, errors: Sequence[BaseException]) -> None:
        """The first of them, which ends the run. Of the others it is said what they are, and a log has them, too."""
        if not errors:
            return
        first, *others = errors
        told = {_said(first)}
        for other in others:
            _chain(first, other)
            if (said := _said(other)) not in told:
                told.add(said)
                self._emit(Note("", f"at the same time another part of the run ended with {said}"))
        raise first

    def _side(self, kind: str, pools: ExitStack) -> _Side:
        """What takes hours on one side keeps no thread, and no moment, from another one."""
        changes, turn, emit = self._kinds[kind], self._turns[kind], self._told.of(kind)
        watch, threads = self._watch, None
        if kind != next(iter(self._kinds)):
            watch = self._watch.beside(kind)
            threads = pools.enter_context(ThreadPoolExecutor(min(len(changes), POOL)))
        ends = self._failed if kind in self._long else None
        applier = self._applier.beside(emit, watch, lambda: self._may_relay(turn), pool=threads, ends=ends, turn=turn)
        return _Side(changes, applier, turn, emit, watch)

    def _prove(self, prove: Callable[[Beside], str]) -> str:
        why = "an error that is none of a host's"
        try:
            why = prove(self._beside)
        finally:
            if why:
                self._failed.set()
            self._proved.set()
            self._beside.begun.set()  # or it never will
        return why

    def _make(self, side: _Side) -> str:
        try:
            why = self._unready(side.changes, side.emit, side.watch, self._failed)
            # A proof's own time runs from when all have begun: what is sent to the hosts does not come before it.
            self._beside.begun.wait()
            if not why and not self._failed.is_set():
                side.applier.apply(replace(self._plan, changes=tuple(map(ahead_of, side.changes))), self._failed)
        except BaseException:
            self._failed.set()
            raise
        finally:
            side.turn.over()
        return why

    def _may_relay(self, turn: Turn) -> bool:
        """Not before the network is proved: a relay would take ports that the proof listens on."""
        while not self._proved.wait(LOOK):
            if self._cancel.is_set():
                return False
        turn.wait()
        return not (self._failed.is_set() or self._cancel.is_set())


@dataclass(frozen=True)
class _Side:
    changes: Sequence[Change]
    applier: Applier
    turn: Turn
    emit: Listener
    watch: Stopwatch


def _said(error: BaseException) -> str:
    return str(error) if isinstance(error, ProvisionError) else f"{type(error).__name__}: {error}".rstrip(": ")


def _chain(first: BaseException, other: BaseException) -> None:
    """Behind all that `first` came from, so that a traceback goes on with it."""
    known = [first]
    while (before := known[-1].__cause__ or known[-1].__context__) is not None and before not in known:
        known.append(before)
    if other not in known:
        known[-1].__context__ = other


def _by_kind(changes: Sequence[Change]) -> Mapping[str, Sequence[Change]]:
    """Those of each kind, by the word before the colon of their ids."""
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(change.step.resource.id.partition(":")[0], []).append(change)
    return found
