"""Carrying out a plan stage by stage: first what the hosts must prove together, then the changes that depend on it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from provision.core import events
from provision.core.errors import Blocked, Cancelled, HostError
from provision.core.events import Listener
from provision.core.plan import Change, Plan
from provision.core.playbook import Placed
from provision.core.proof import Proof, Shown
from provision.core.stopwatch import Stopwatch
from provision.engine.apply import Applier
from provision.engine.prover import Prover
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
            why = why or self._blocked(self.prove(stage.proofs)) or self._unready(stage)
            if why:
                self._leave_out(stage.changes, why)
                continue
            done |= applier.apply(replace(plan, changes=stage.changes))
            self._watch.all_waited()
            if applier.errors:
                why = f"{applier.errors[0].host} failed"
        return done

    def prove(self, proofs: Sequence[Proof]) -> list[Shown]:
        """Runs the proofs one after another; one that depends on a failed proof is skipped."""
        found: list[Shown] = []
        failed: set[str] = set()
        for proof in proofs:
            if proof.name in self._skip:
                continue
            if failed & set(proof.stands_on):
                self._emit(events.Note("", f"skipped, because of earlier findings: {proof.label}"))
                failed.add(proof.name)
                continue
            try:
                shown = self._prover.prove(proof)
            except Cancelled:
                break
            found.append(shown)
            if any(finding.blocks for finding in shown.findings):
                failed.add(proof.name)
            self._watch.all_waited()
        self.shown += found
        return found

    def _blocked(self, found: Sequence[Shown]) -> str:
        """Returns why the steps that depend on these proofs cannot start; empty if they can."""
        if self._cancel.is_set():
            return "cancelled"
        # That a host is gone is the cause, whatever a proof makes of it.
        gone = self._prover.gone
        for lost in gone.values():
            self.blocks.append(lost)
            self._emit(events.failed(lost))
        for shown in found:
            for finding in shown.findings:
                if finding.blocks and finding.host not in gone:
                    error = Blocked(finding.host, finding.message, evidence=finding.evidence, hint=finding.hint)
                    self.blocks.append(error)
                    self._emit(events.failed(error))
        return "a proof failed" if self.blocks else ""

    def _unready(self, stage: Stage) -> str:
        """Returns why its changes are not made; empty if they are."""
        with self._watch.part("here", "what changes stand on"):
            found = make_ready(stage.changes, self._emit, self._cancel)
        self._watch.all_waited()
        self.blocks += found
        for error in found:
            self._emit(events.failed(error))
        return "what it needs is not there" if found else ""

    def _leave_out(self, changes: Sequence[Change], why: str) -> None:
        for change in changes:
            self._emit(events.skipped(change, why))
