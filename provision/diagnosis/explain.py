"""What logs say by themselves, without a host or an inventory: cause, evidence and fix, as a failed `up` tells them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from provision.core.token_forms import without_tokens
from provision.core.values import dataclass
from provision.diagnosis.diagnose import diagnose
from provision.diagnosis.lines import Clock, Line, read_lines
from provision.diagnosis.logs import Source, logs_of
from provision.diagnosis.timeline import timeline

#: What uvicorn says once a server takes requests.
_SERVES = "Application startup complete"


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
    recent: list[Line] = []
    for log in logs:
        clock = Clock(now=log.changed)
        read = list(read_lines(log.text, log.host, log.path, clock))
        lines += read
        recent += _since_it_served(read)
    # What an earlier start failed with is over once a later one has served.
    found = (diagnose(recent) if len(recent) < len(lines) else None) or diagnose(lines)
    if found is None:
        best = timeline(lines)
        hint = "look for the first error of each host, in the logs of Ray's workers too; add logs that are missing here"
        said = f"no line of {_count(lines, 'line')} in {_count(logs, 'log')} tells it in words that provision knows"
        return Explained(Verdict.UNKNOWN, "", "", f"the cause is not known: {said}", tuple(map(_said, best)), hint)
    shown = list(found.evidence)
    if found.likely:
        shown += [line for line in timeline(lines) if line not in shown]
    verdict = Verdict.LIKELY if found.likely else Verdict.CAUSE
    evidence = tuple(map(_said, shown))
    cause, fix = without_tokens(found.cause), without_tokens(found.fix)
    return Explained(verdict, found.signature.id, found.host, cause, evidence, fix)


def _since_it_served(lines: list[Line]) -> list[Line]:
    """Of one log, what follows the last start that went well; all of it where there was none."""
    started = [place for place, line in enumerate(lines) if line.text.startswith(_SERVES)]
    return lines[started[-1] :] if started else lines


def _said(line: Line) -> Evidence:
    """What somebody sent in may go on to others."""
    return Evidence(line.clock, line.host, line.place, without_tokens(line.said))


def _count(things: Sequence[object], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
