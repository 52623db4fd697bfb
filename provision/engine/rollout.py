"""Carrying out a plan stage by stage: first what the hosts must prove together, then the changes that depend on it."""

from __future__ import annotations

import threading
from collections.abc import Container, Sequence
from dataclasses import replace

from provision.core import events
from provision.core.errors import Blocked, Cancelled, HostError
from provision.core.events import Listener
from provision.core.plan import Change, Plan
from provision.core.playbook import Placed
from provision.core.proof import Proof, Shown
from provision.core.stopwatch import Stopwatch
from provision.engine.ahead import rest_of
from provision.engine.apply import Applier
from provision.engine.company import company_of, under_way
from provision.engine.gone import Told
from provision.engine.prover import Beside, Prover
from provision.engine.ready import make_ready
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
                why = self._side_by_side(plan, stage, applier) or _failed(applier)
            elif not why:
                why = self._blocked(self.prove(stage.proofs))
            changes = [rest_of(change, applier.states) for change in stage.changes]
            why = why or self._unready(changes, self._emit, self._watch)
            if why:
                left = [change for change in changes if change.step.key not in applier.failed]
                self._leave_out(left, why, built=applier.states)
                continue
            done |= applier.apply(replace(plan, changes=tuple(changes)))
            self._watch.all_waited()
            why = _failed(applier)
        return done

    def _side_by_side(self, plan: Plan, stage: Stage, applier: Applier) -> str:
        """Returns why the stage cannot start, but for what failed on a host."""
        from provision.engine.side_by_side import SideBySide  # where no folder is new, nobody needs it

        def prove(beside: Beside) -> str:
            return self._blocked(self.prove(stage.proofs, beside), applier.told)

        making = SideBySide(plan, stage.beside, applier, self._unready, self._emit, self._cancel, self._watch)
        return making.make(prove)

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
        self, changes: Sequence[Change], emit: Listener, watch: Stopwatch, given_up: threading.Event | None = None
    ) -> str:
        """Returns why these are not made; empty if they are, or once `given_up` is set."""
        with watch.part("here", "what changes stand on"):
            found = make_ready(changes, emit, self._cancel, given_up)
        watch.all_waited("here")
        self.blocks += found
        for error in found:
            emit(events.failed(error))
        return "what it needs is not there" if found else ""

    def _leave_out(self, changes: Sequence[Change], why: str, built: Container[str]) -> None:
        """`built`: keys of steps of which a part was made ahead."""
        for change in changes:
            stays = "; what was built for it stays for the next `up`" if change.step.key in built else ""
            self._emit(events.skipped(change, f"{why}{stays}"))


def _failed(applier: Applier) -> str:
    return f"{applier.errors[0].host} failed" if applier.errors else ""
