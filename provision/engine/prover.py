"""Going through a proof: its scripts on all its hosts at the same moment, a thread for each."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import field, replace
from types import MappingProxyType

from provision.core import events
from provision.core.errors import Cancelled, HostError, ScriptTimeout, Unreachable
from provision.core.events import Listener
from provision.core.finding import accepting
from provision.core.proof import Proof, Shown
from provision.core.script import PROGRESS, Fragment, Script
from provision.core.stopwatch import Stopwatch
from provision.core.timing import Kind, Span
from provision.core.values import dataclass
from provision.engine.gone import is_gone
from provision.inventory.models import Host
from provision.transport import Transport

#: How often (seconds) it is seen whether there is still patience.
LOOK = 0.5

#: The hosts whose scripts have ended; to the seconds for which the others are still waited for, if there is a limit.
Patience = Callable[[Collection[str]], float | None]


@dataclass
class Beside:
    """A proof that is gone through while something else is done. `begun`: set once it runs on every host that takes
    part, or has ended. `behind`: what it has waited for. `proves`: what is done meanwhile is another proof, which is
    for the same to judge. `pids`: of what runs on each host."""

    begun: threading.Event = field(default_factory=threading.Event)
    behind: Span | None = None
    proves: bool = False
    pids: dict[str, int] = field(default_factory=dict)


class Prover:
    """Goes through proofs on the hosts of one run. A host that was not reached takes no part. `accepted`: ids of
    findings that the inventory accepts, with the reasons."""

    def __init__(
        self,
        transport: Transport,
        hosts: Sequence[Host],
        emit: Listener,
        accepted: Mapping[str, str] = MappingProxyType({}),
        watch: Stopwatch | None = None,
    ) -> None:
        self._accepted = accepted
        self._watch = watch or Stopwatch()
        #: Hosts that do not answer any more, by name, since a proof's connection to them broke.
        self.gone: dict[str, HostError] = {}
        self._transport = transport
        self._hosts = {host.name: host for host in hosts}
        self._emit = emit

    def prove(self, proof: Proof, beside: Beside | None = None) -> Shown:
        """Raises Cancelled. A host's failure is the proof's to judge. `beside`: something else is done on the hosts
        meanwhile, and what a host does is that."""
        shown = proof.read(*self.ask(proof.label, proof.scripts(), proof.patience, "proof", beside))
        for host, text in shown.notes:
            self._emit(events.Note(host, text))
        return replace(shown, findings=tuple(accepting(shown.findings, self._accepted)))

    def ask(
        self,
        label: str,
        wanted: Mapping[str, Script],
        patience: Patience = lambda _: None,
        kind: Kind = "logs",
        beside: Beside | None = None,
    ) -> tuple[dict[str, Fragment], dict[str, HostError]]:
        """Runs a script on each host at the same moment. What they answered, and who could not; raises Cancelled.
        `patience` as of a proof; `kind`: what it is for; `beside` as of `prove`."""
        scripts = {name: script for name, script in wanted.items() if name in self._hosts}
        answers: dict[str, Fragment] = {}
        failed: dict[str, HostError] = {}
        alone = beside is None or beside.proves
        cancelled = threading.Event()

        still = set(scripts)

        def begun(name: str) -> None:
            still.discard(name)
            if beside is not None and not still:
                beside.begun.set()

        def take_part(name: str, script: Script) -> None:
            try:
                with self._watch.part(kind, label, name, behind=beside.behind if beside else None):
                    if beside is None:
                        answers[name] = self._run(label, name, script)
                    else:
                        answers[name] = self._run_beside(name, script, begun, beside.pids)
            except HostError as error:
                failed[name] = found = self._transport.aftermath(self._hosts[name], error)
                # What is under way beside it finds a host that was rebooted by its broken connection, and nothing else.
                if isinstance(found, Unreachable) or (not alone and is_gone(found)):
                    self.gone[name] = found
            except Cancelled:
                cancelled.set()
            finally:
                begun(name)

        if scripts:
            # All at once: who waits for a thread is taken by the others for a host that does not answer.
            with ThreadPoolExecutor(max_workers=len(scripts)) as pool:
                running = {pool.submit(take_part, *item): item[0] for item in scripts.items()}
                for name in self._waited_for(running, patience):
                    failed[name] = ScriptTimeout(
                        name, f"the {label} was still running long after the others had finished"
                    )
        if cancelled.is_set():
            raise Cancelled(f"cancelled during the {label}")
        return answers, failed

    def _waited_for(self, running: Mapping[Future[None], str], patience: Patience) -> list[str]:
        """The hosts for which there was no more patience, when all have ended. Without its connection, a host ends what
        it runs."""
        pending, until = set(running), math.inf
        while pending and time.monotonic() < until:
            over, pending = wait(pending, LOOK, FIRST_COMPLETED)
            for future in over:
                future.result()
            left = patience([name for future, name in running.items() if future not in pending])
            if over and left is not None:
                until = min(until, time.monotonic() + left)
        late = [running[future] for future in pending]
        for name in late:
            self._transport.connect(self._hosts[name]).close()
        wait(pending)
        return late

    def _run_beside(self, name: str, script: Script, begun: Callable[[str], None], pids: dict[str, int]) -> Fragment:
        """`begun` is called once it runs there, by the shell that `pids` then has. How far it is would be taken for how
        far the other thing is."""

        def heard(index: int, stream: str, line: str) -> None:
            if not index and line.isdecimal():
                pids[name] = int(line)
            begun(name)
            if index and not line.startswith(PROGRESS):
                events.heard(name, stream, line, self._emit)

        session = self._transport.connect(self._hosts[name])
        if script.uploads:
            session.send(script.uploads)
        # A script of its own: what the proof's prints is the proof's.
        (_, fragment) = session.run([Script('echo "$$"'), script], on_line=heard, writes=True)
        return fragment

    def _run(self, label: str, name: str, script: Script) -> Fragment:
        session = self._transport.connect(self._hosts[name])
        self._emit(events.Doing(name, label, passing=True))
        try:
            if script.uploads:
                session.send(script.uploads)
            (fragment,) = session.run(
                [script], on_line=lambda _, stream, line: events.heard(name, stream, line, self._emit), writes=True
            )
        finally:
            # What it said last is no longer so while others still have their part to do.
            self._emit(events.Doing(name, "", passing=True))
        return fragment
