"""Going through a proof: its scripts on all its hosts at the same moment, a thread for each."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from provision import events
from provision.errors import Cancelled, HostError
from provision.events import Listener
from provision.inventory.models import Host
from provision.proof import Proof, Shown
from provision.script import NOTE, PROGRESS, Fragment, Script
from provision.transport import Transport


class Prover:
    """Goes through proofs on the hosts of one run. A host that was not reached takes no part."""

    def __init__(self, transport: Transport, hosts: Sequence[Host], emit: Listener) -> None:
        self._transport = transport
        self._hosts = {host.name: host for host in hosts}
        self._emit = emit

    def prove(self, proof: Proof) -> Shown:
        """Raises Cancelled. A host's failure is the proof's to judge."""
        scripts = {name: script for name, script in proof.scripts().items() if name in self._hosts}
        answers: dict[str, Fragment] = {}
        failed: dict[str, HostError] = {}
        cancelled = threading.Event()

        def take_part(name: str, script: Script) -> None:
            try:
                answers[name] = self._run(proof, name, script)
            except HostError as error:
                failed[name] = error
            except Cancelled:
                cancelled.set()

        if scripts:
            # All at once: who waits for a thread is taken by the others for a host that does not answer.
            with ThreadPoolExecutor(max_workers=len(scripts)) as pool:
                for future in [pool.submit(take_part, *item) for item in scripts.items()]:
                    future.result()
        if cancelled.is_set():
            raise Cancelled(f"cancelled during the {proof.label}")
        shown = proof.read(answers, failed)
        for host, text in shown.notes:
            self._emit(events.Note(host, text))
        return shown

    def _run(self, proof: Proof, name: str, script: Script) -> Fragment:
        session = self._transport.connect(self._hosts[name])
        self._emit(events.Doing(name, proof.label, passing=True))

        def heard(_: int, stream: str, line: str) -> None:
            if line.startswith(PROGRESS):
                self._emit(events.Progress(name, line[len(PROGRESS) :].strip()))
            elif line.startswith(NOTE):
                self._emit(events.Note(name, line[len(NOTE) :].strip()))
            else:
                self._emit(events.Output(name, line, stream))

        if script.uploads:
            session.send(script.uploads)
        (fragment,) = session.run([script], on_line=heard)
        return fragment
