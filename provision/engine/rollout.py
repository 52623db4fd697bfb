"""Carrying out a plan stage by stage: first what the hosts must prove together, then the changes that depend on it."""

from __future__ import annotations

import threading
from collections.abc import Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from provision.cluster.gather import POOL
from provision.core import events
from provision.core.errors import Blocked, Cancelled, HostError
from provision.core.events import Listener
from provision.core.plan import Change, Plan
from provision.core.playbook import Placed
from provision.core.proof import Proof, Shown
from provision.core.stopwatch import Stopwatch
from provision.engine.ahead import ahead_of, rest_of
from provision.engine.apply import Applier
from provision.engine.company import company_of, under_way
from provision.engine.gone import Told
from provision.engine.prover import LOOK, Beside, Prover
from provision.engine.ready import make_ready
from provision.engine.sides import AnyOf, FilesFirst, Sides, by_kind
from provision.engine.stages import Stage, due, stages


class Carrier:
    """For one run. `shown`: what came of each proof; `blocks`: what was not proved, or not there, and kept changes from
    being made."""

    def __init__(
        self, prover: Prover, emit: Listener, cancel: threading.Event, skip: Sequence[str], watch: Stopwatch
    ) -> None:
        self._prover = prover
        self._emit = emit
        self._cancel = cancel
        self._skip = skip
        self._watch = watch
        self.shown: list[Shown] = []
        self.blocks: list[HostError] = []

    def carry_out(self, plan: Plan, placed: Sequence[Placed], applier: Applier) -> frozenset[str]:
        """Returns the keys of the steps that were changed and verified. A failure in one stage, or a failed proof,
        keeps the next stage from starting."""
        done: frozenset[str] = frozenset()
        why = ""
        for one in due(plan, placed):
            if one.proof.name in self._skip:
                self._emit(events.Note("", f"skipped, because of --skip {one.proof.name}: {one.proof.label}"))
        for stage in stages(plan, placed, self._skip):
            if not why and stage.beside:
                why = self._side_by_side(plan, stage, applier)
            elif not why:
                why = self._blocked(self.prove(stage.proofs))
            changes = [rest_of(change, applier.states) for change in stage.changes]
            why = why or self._unready(changes)
            if why:
                left = [change for change in changes if change.step.key not in applier.failed]
                self._leave_out(left, why, built=applier.states)
                continue
            done |= applier.apply(replace(plan, changes=tuple(changes)))
            self._watch.all_waited()
            why = _failed(applier)
        return done

    def _side_by_side(self, plan: Plan, stage: Stage, applier: Applier) -> str:
        """Goes through the proofs of a stage while new folders are made for it, which nothing uses before all proofs
        are through: those of each kind on a side of their own. Returns why the stage cannot start; empty if it can.
        What is being made when a proof fails is made to its end, or as far as it is where that may be far away; nothing
        else is begun. What fails on one side keeps no other one from its end."""
        beside, failed, proved = Beside(behind=self._watch.behind), threading.Event(), threading.Event()
        kinds = by_kind(stage.beside)
        sides = Sides(self._emit, list(kinds))
        long = {kind for kind, changes in kinds.items() if all(c.step.resource.ends_ahead for c in changes)}
        soon = kinds.keys() - long
        turns = FilesFirst((kind, change.step.host) for kind in soon for change in kinds[kind])

        def prove() -> str:
            why = "an error that is none of a host's"
            try:
                why = self._blocked(self.prove(stage.proofs, beside), applier.told)
            finally:
                if why:
                    failed.set()
                proved.set()
                beside.begun.set()  # or it never will
            return why

        def make(kind: str, side: Applier, changes: Sequence[Change], emit: Listener, watch: Stopwatch) -> str:
            try:
                unready = self._unready(changes, failed, emit, watch)
                # A proof's own time runs from when all have begun: what is sent to the hosts does not come before it.
                beside.begun.wait()
                if not unready and not failed.is_set():
                    side.apply(replace(plan, changes=tuple(map(ahead_of, changes))), failed)
            except BaseException:
                failed.set()
                raise
            finally:
                turns.over(kind)
            return unready

        def may_relay() -> bool:
            """Not before the network is proved: it would take ports that the proof listens on."""
            while not proved.wait(LOOK):
                if self._cancel.is_set():
                    return False
            return not failed.is_set()

        def may_relay_last() -> bool:
            if may_relay():
                turns.wait(self._cancel)
            return not (failed.is_set() or self._cancel.is_set())

        with ThreadPoolExecutor(1 + len(kinds)) as pool, ExitStack() as pools:
            made: list[tuple[str, Applier, Sequence[Change], Listener, Stopwatch]] = []
            for kind, changes in kinds.items():
                # What takes hours on one side keeps no thread, and no moment, from another one.
                watch = self._watch.beside(kind) if made else self._watch
                threads = pools.enter_context(ThreadPoolExecutor(min(len(changes), POOL))) if made else None
                if kind in long:
                    last = AnyOf(self._cancel, failed)
                    first = partial(turns.wait, last)
                    side = applier.beside(sides.of(kind), watch, may_relay_last, pool=threads, ends=failed, first=first)
                else:
                    sent = partial(turns.sent, kind)
                    side = applier.beside(sides.of(kind), watch, may_relay, pool=threads, sent=sent)
                made.append((kind, side, changes, sides.of(kind), watch))
            proving = pool.submit(prove)
            making = [pool.submit(make, *one) for one in made]
            whys = [one.result() for one in making]
            why = proving.result()
        self._watch.all_waited()
        return why or next(filter(None, whys), "") or _failed(applier)

    def prove(self, proofs: Sequence[Proof], beside: Beside | None = None) -> list[Shown]:
        """Runs the proofs one after another, but for those that may be under way while another makes itself ready; one
        that depends on a failed proof is skipped. `beside`: as of Prover."""
        # By which proof it is: two may have one name, and a proof with a dictionary in it has no hash.
        wanted = {id(proof): proof for proof in proofs if proof.name not in self._skip}
        found: dict[int, Shown] = {}
        failed: set[str] = set()
        for proof in wanted.values():
            if id(proof) in found:
                continue
            if failed & set(proof.stands_on):
                self._emit(events.Note("", f"skipped, because of earlier findings: {proof.label}"))
                failed.add(proof.name)
                continue
            others = [other for key, other in wanted.items() if key not in found]
            company = company_of(proof, others) if beside is None else ()
            try:
                with under_way(company, self._prover, self._watch) as running:
                    found[id(proof)] = self._prover.prove(running.of(proof), beside)
                    found |= {id(other): running.what_came_of(other) for other in company}
            except Cancelled:
                break
            failed |= {one.name for one in (proof, *company) if any(f.blocks for f in found[id(one)].findings)}
            if beside is None:
                self._watch.all_waited()
            else:
                beside.behind = self._watch.last("proof")
        shown = [found[key] for key in wanted if key in found]
        self.shown += shown
        return shown

    def _blocked(self, found: Sequence[Shown], told: Told | None = None) -> str:
        """Returns why the steps that depend on these proofs cannot start; empty if they can. `told`: of what, by what
        is under way beside them."""
        if self._cancel.is_set():
            return "cancelled"
        # That a host is gone is the cause, whatever a proof makes of it.
        gone = self._prover.gone
        blocks: list[HostError] = [*gone.values()]
        blocks += (
            Blocked(finding.host, finding.message, evidence=finding.evidence, hint=finding.hint)
            for shown in found
            for finding in shown.findings
            if finding.blocks and finding.host not in gone
        )
        for error in blocks:
            if told is None or told.first(error, self):
                self.blocks.append(error)
                self._emit(events.failed(error))
        return "a proof failed" if blocks else ""

    def _unready(
        self,
        changes: Sequence[Change],
        given_up: threading.Event | None = None,
        emit: Listener | None = None,
        watch: Stopwatch | None = None,
    ) -> str:
        """Returns why these are not made; empty if they are, or once `given_up` is set. `emit`, `watch`: of a side."""
        watch = watch or self._watch
        with watch.part("here", "what changes stand on"):
            found = make_ready(changes, emit or self._emit, self._cancel, given_up)
        watch.all_waited("here")
        self.blocks += found
        for error in found:
            (emit or self._emit)(events.failed(error))
        return "what it needs is not there" if found else ""

    def _leave_out(self, changes: Sequence[Change], why: str, built: Container[str]) -> None:
        """`built`: keys of steps of which a part was made ahead."""
        for change in changes:
            stays = "; what was built for it stays for the next `up`" if change.step.key in built else ""
            self._emit(events.skipped(change, f"{why}{stays}"))


def _failed(applier: Applier) -> str:
    return f"{applier.errors[0].host} failed" if applier.errors else ""
