"""Who may write: the leases of all hosts of a run, taken in one order, and what is said while another run has them.

Each host is asked for its lease together with its facts. Where all of them are free, that is all. Otherwise what comes
behind the first that is not, in the order that all runs share, is given back and taken again one after another: so no
two runs can wait for each other.
"""

from __future__ import annotations

import os
import shlex
import socket
import time
from collections.abc import Mapping
from pathlib import Path

from provision.cluster.gather import Fleet
from provision.core import events
from provision.core.errors import Busy, Cancelled
from provision.core.events import Listener
from provision.core.lease import Answer, Claim, Holder, in_order, read_answer, several
from provision.core.person import login_name

#: Of two runs that begin at the same moment and do not wait, the one that has the first host waits for so long for the
#: other to give up (seconds).
_TOGETHER = 5.0

_AGAIN = 0.2


def claim_of(command: str, cluster: str, inventory: Path) -> Claim:
    """This process's."""
    return Claim(command, cluster, str(inventory.absolute()), this_person(), os.getpid())


def this_person() -> str:
    """`ann@laptop`"""
    return f"{login_name() or os.geteuid()}@{socket.gethostname()}"


class Leasing:
    """For one run. `wait`: until whoever has a lease is done."""

    def __init__(self, fleet: Fleet, claim: Claim, emit: Listener, *, wait: bool) -> None:
        self._fleet = fleet
        self._claim = claim
        self._emit = emit
        self._wait = wait
        self._told: set[str] = set()

    def settle(self) -> bool:
        """Takes the leases that are not ours yet, of the hosts that answered. Returns whether any had to be waited for:
        then what is known of the hosts is from before. Raises Busy, HostError, Cancelled."""
        answers = self._fleet.leases
        order = in_order({host: answer.key for host, answer in answers.items()})
        first = next((place for place, host in enumerate(order) if answers[host].state == "busy"), None)
        if first is None:
            self._tell(answers)
            return False
        if not (self._wait or first):
            raise self._busy()
        self._fleet.transport.leases.give_back(order[first:])
        for host in order[first:]:
            answers[host] = self._taken(host)
        self._tell(answers)
        return True

    def _taken(self, host: str) -> Answer:
        session = self._fleet.transport.connect(next(h for h in self._fleet.hosts if h.name == host))
        until = time.monotonic() + _TOGETHER
        heard: list[str] = []

        def listen(index: int, _: str, line: str) -> None:
            if index:
                return
            heard.append(line)
            if line == "told" and (answer := read_answer("\n".join(heard))) is not None:
                heard.clear()
                if answer.state == "busy":
                    self._waiting(host, answer.holder)

        while True:
            try:
                answer, _ = session.hold(self._claim, on_line=listen, wait=self._wait)
            except Cancelled as error:
                raise Cancelled(f"cancelled while waiting for another run on {host}") from error
            if answer.state != "busy":
                return answer
            long = answer.holder is not None and time.time() - answer.holder.since > 2 * _TOGETHER
            if not self._wait and (long or time.monotonic() > until):
                self._fleet.leases[host] = answer
                raise self._busy()
            time.sleep(_AGAIN)

    def _waiting(self, host: str, holder: Holder | None) -> None:
        said = holder.sentence() if holder else "another run is just beginning, or ending"
        if said not in self._told:
            self._told.add(said)
            self._emit(events.Note(host, f"waiting: {said}"))

    def _busy(self) -> Busy:
        return busy(self._fleet.leases, self._fleet.inventory)

    def _tell(self, answers: Mapping[str, Answer]) -> None:
        """What whoever is at the screen should know before anything is changed."""
        for host, answer in answers.items():
            if answer.state == "unlocked":
                why = f": {answer.why}" if answer.why else ""
                self._emit(events.Note(host, f"whether another run is at work there cannot be told{why}"))
            elif answer.state == "held" and answer.holder is not None:
                said = f"{answer.holder.run}, {answer.holder.how_it_ended}; its lease was taken over"
                if said not in self._told:
                    self._told.add(said)
                    self._emit(events.Note(host, said))


def busy(answers: Mapping[str, Answer], inventory: Path | None) -> Busy:
    """What is said instead of anything else, while another run has some of the hosts."""
    taken = {host: answer.holder for host, answer in answers.items() if answer.state == "busy"}
    lines = several(taken)
    first = next((holder for holder in taken.values() if holder is not None), None)
    message = first.sentence() if first else "another run is just beginning, or ending"
    asked = shlex.join(["provision", "unlock", *([str(inventory)] if inventory else []), "--why", "it hangs"])
    hint = f"wait until it is done; `{asked}` takes the hosts from it"
    return Busy(message, evidence=lines if len(lines) > 1 or len(answers) > 1 else (), hint=hint, hosts=tuple(taken))


def look_around(found: Mapping[str, Answer], inventory: Path | None) -> None:
    """Raises Busy if another run is at work on one of the hosts. `found`: what each host said of its lease."""
    if any(answer.state == "busy" for answer in found.values()):
        raise busy(found, inventory)
