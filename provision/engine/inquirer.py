"""Asking all hosts why a step failed, and telling it with the step's own error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provision.core import events
from provision.core.errors import Cancelled, ConnectionLost, HostError, Unreachable
from provision.core.events import Listener
from provision.core.playbook import Concerned
from provision.engine.prover import Prover


class Inquirer:
    """For one run."""

    def __init__(self, prover: Prover, emit: Listener) -> None:
        self._prover = prover
        self._emit = emit

    def explain(self, failed: Mapping[str, HostError], placed: Sequence[Concerned]) -> None:
        """Puts what was found into the errors themselves. Never raises: what is told already is more than nothing."""
        # Whose connection broke is not waited for once more.
        lost = {error.host for error in failed.values() if isinstance(error, (ConnectionLost, Unreachable))}
        for one in placed:
            concerned = {step: error for step, error in failed.items() if step in one.about}
            if not concerned:
                continue
            try:
                scripts = {host: script for host, script in one.inquiry.scripts().items() if host not in lost}
                answers, _ = self._prover.ask(one.inquiry.label, scripts)
                told = one.inquiry.read(concerned, answers)
            except Cancelled:
                return
            except Exception as error:  # whatever it is, the failure that was asked about comes first
                self._emit(events.Note("", f"the hosts' logs could not be read: {type(error).__name__}: {error}"))
                continue
            for step, explanation in told.items():
                failure = concerned[step]
                if isinstance(failure, (ConnectionLost, Unreachable)):
                    continue  # a host that was rebooted, or is gone, is the cause
                failure.message, failure.hint = explanation.message, explanation.hint
                failure.evidence = explanation.evidence
                self._emit(events.Note(failure.host, explanation.message))
