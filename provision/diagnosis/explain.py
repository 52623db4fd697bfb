"""What logs say by themselves, without a host or an inventory: cause, evidence and fix, as a failed `up` tells them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from provision.core.values import dataclass
from provision.diagnosis.diagnose import diagnose
from provision.diagnosis.lines import Clock, Line, read_lines
from provision.diagnosis.logs import Source, logs_of
from provision.diagnosis.timeline import timeline


class Verdict(Enum):
    """`likely`: what the logs show first may follow from something that they do not have."""

    CAUSE = "cause"
    LIKELY = "likely"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Evidence:
    """A line that tells. `time`: as it was written, empty where it was not; `host`: where it happened, empty if nobody
    says; `file`: the log that has it."""

    time: str
    host: str
    file: str
    line: str


@dataclass(frozen=True)
class Explained:
    """`id`: of the signature, empty where the cause is not known. `hint`: what to do about it."""

    verdict: Verdict
    id: str
    host: str
    message: str
    evidence: tuple[Evidence, ...]
    hint: str


def explain(*sources: Source) -> Explained:
    """What explains most over all of them, which are read as of one failure: files, folders with a subfolder for each
    host, logs that are read already. Raises UsageError for a path that is not there."""
    logs = [log for source in sources for log in logs_of(source)]
    lines: list[Line] = []
    for log in logs:
        clock = Clock(now=log.changed)
        lines += read_lines(log.text, log.host, log.path, clock)
    found = diagnose(lines)
    if found is None:
        best = timeline(lines)
        hint = "look for the first error of each host, in the logs of Ray's workers too; add logs that are missing here"
        said = f"no line of {_count(lines, 'line')} in {_count(logs, 'log')} is of a failure that provision knows"
        return Explained(Verdict.UNKNOWN, "", "", f"the cause is not known: {said}", tuple(map(_said, best)), hint)
    shown = list(found.evidence)
    if found.likely:
        shown += [line for line in timeline(lines) if line not in shown]
    verdict = Verdict.LIKELY if found.likely else Verdict.CAUSE
    evidence = tuple(map(_said, shown))
    return Explained(verdict, found.signature.id, found.host, found.cause, evidence, found.fix)


def _said(line: Line) -> Evidence:
    return Evidence(line.clock, line.host, line.place, line.said)


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
