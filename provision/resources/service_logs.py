"""Why a service did not start: what the logs of all hosts say about it, read together.

The service that fails is often not the one that knows why: vLLM ends on the head because a rank's process was killed
on a worker. So every host is asked, in one round trip, for the lines that matter since this run began.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from provision.cluster.cluster import Node
from provision.core.errors import HostError
from provision.core.inquiry import Explanation, Inquiry
from provision.core.script import Fragment, Script
from provision.core.values import dataclass
from provision.facts import Facts
from provision.payload.bundle import shell
from provision.resources.service import USERS

if TYPE_CHECKING:
    from provision.diagnosis import Diagnosis, Line

#: Seconds; somebody waits to hear what went wrong.
PATIENCE = 8.0

#: Lines shown of what the step itself said, beside what the logs say.
OWN = 4


@dataclass(frozen=True)
class LogPlaces:
    """One host. `folder`: where its services are; `scratch`: Ray's folder; `units`: how those of systemd begin. `user`:
    whom the services run as, if not as the one who asks. `since`: its clock when this run began (seconds since the
    epoch); `ahead`: of the controller's clock, in seconds."""

    name: str
    node_ip: str
    folder: str
    scratch: str
    units: str
    since: int
    ahead: float
    user: str = ""


def asked(node: Node, cluster: str, folder: str, scratch: str, user: str) -> LogPlaces:
    facts = node.facts or Facts()
    units = f"provision-{cluster}-{node.name}-"
    return LogPlaces(node.name, node.node_ip, folder, scratch, units, facts.clock, facts.clock_offset or 0.0, user)


@dataclass(frozen=True)
class ServiceLogs(Inquiry):
    """`ports`: each with the key of the inventory that moves it, on all hosts the same."""

    hosts: tuple[LogPlaces, ...]
    ports: tuple[tuple[int, str], ...] = ()

    @property
    def label(self) -> str:
        return "reading the logs of all hosts"

    def scripts(self) -> Mapping[str, Script]:
        return {
            host.name: Script(
                shell(USERS, "service/logs.sh"),
                {
                    "folder": host.folder,
                    "scratch": host.scratch,
                    "units": host.units,
                    "since": host.since,
                    "user": host.user,
                },
                timeout=PATIENCE,
            )
            for host in self.hosts
        }

    def read(self, failed: Mapping[str, HostError], answers: Mapping[str, Fragment]) -> Mapping[str, Explanation]:
        from provision.diagnosis.answer import read_answer

        addresses = {host.node_ip: host.name for host in self.hosts}
        lines: list[Line] = []
        for host in self.hosts:
            if host.name in answers:
                lines += read_answer(answers[host.name].stdout, host.name, host.since, host.ahead, addresses)
        silent = [host.name for host in self.hosts if host.name not in answers]
        return {step: self._explain(error, lines, silent, len(failed)) for step, error in failed.items()}

    def _explain(self, error: HostError, lines: list[Line], silent: list[str], failures: int) -> Explanation:
        """Where several steps have failed, each has its own host's cause if there is one."""
        from provision.diagnosis import Line
        from provision.diagnosis.timeline import shown, timeline

        own = [Line(text, host=error.host, place=error.host) for text in error.evidence]
        near = [line for line in lines if line.host == error.host]
        found = (self._better(near, own) if failures > 1 else None) or self._better(lines, own)
        missing = tuple(f"{name} could not be asked" for name in silent)
        if found is not None:
            also = [line for line in timeline(lines) if line not in found.evidence] if found.likely else []
            evidence = (*map(shown, (*found.evidence, *also)), *_not_in(lines, found, error.evidence), *missing)
            return Explanation(_message(error, found), evidence, found.fix)
        best = timeline(lines) or own
        evidence = (*map(shown, best), *missing) if lines else (*error.evidence, *missing)
        hint = error.hint or "the whole logs of all hosts are in this run's log file; `-v` shows them as they come"
        return Explanation(f"{error.message}; the cause is not known", evidence, hint)

    def _better(self, lines: list[Line], own: list[Line]) -> Diagnosis | None:
        """What the logs say, with its place; what the step itself printed only where that explains more."""
        from provision.diagnosis import diagnose

        keys = dict(self.ports)
        logs, step = diagnose(lines, keys), diagnose(own, keys)
        return step if step is not None and (logs is None or step.explains_more_than(logs)) else logs


def _not_in(lines: list[Line], found: Diagnosis, said: Sequence[str]) -> list[str]:
    """What the step itself said that stands in no log, and is not what was found: who has not joined, for example."""
    known = {line.text for line in (*lines, *found.evidence)}
    return [text for text in said if not any(_same(text, line) for line in known)][-OWN:]


def _same(said: str, line: str) -> bool:
    """What a step shows has the rank in front, and is cut where it is long."""
    return said.endswith(line) or said.removesuffix("…")[-80:] in line


def _message(error: HostError, found: Diagnosis) -> str:
    where = "" if found.host in ("", error.host) or found.host in found.cause else f"on {found.host}, "
    return f"{error.message}: {'most likely, ' if found.likely else ''}{where}{found.cause}"
