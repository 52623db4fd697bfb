"""From the lines of all hosts to one cause, or to the lines that a person should see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from provision.diagnosis.lines import Line, read_lines, unique
from provision.diagnosis.noise import is_aftermath, is_exception
from provision.diagnosis.signature import Kind, Signature
from provision.diagnosis.table import signatures

#: Lines shown of a cause: one says it, a few more say how many ranks it hit.
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`evidence`: the lines that say it, the first one first. `host`: where it happened."""

    signature: Signature
    cause: str
    fix: str
    evidence: tuple[Line, ...]

    @property
    def host(self) -> str:
        return self.evidence[0].host

    def explains_more_than(self, other: Diagnosis) -> bool:
        return _KINDS[self.signature.kind] < _KINDS[other.signature.kind]


def diagnose(lines: Sequence[Line]) -> Diagnosis | None:
    """What explains most, over all lines: a cause before a symptom before waiting, and of the same kind what was said
    first. Among lines of one time their order decides, and of one line the table's. None: nothing is known."""
    said = _in_time([line for line in lines if not is_aftermath(line)])
    for kind in Kind:
        known = [signature for signature in signatures() if signature.kind is kind]
        for line in said:
            for signature in known:
                if match := signature.pattern.search(line.text):
                    cause, fix = signature.told(match.groupdict(), line.host)
                    others = (other for other in said if signature.pattern.search(other.text))
                    return Diagnosis(signature, cause, fix, tuple(unique([line, *others])[:SHOWN]))
    return None


def _in_time(lines: Sequence[Line]) -> list[Line]:
    """In the order in which they were said; a line whose time is not known, after the one before it. Each text once."""
    last, timed = 0.0, []
    for line in lines:
        last = line.at if line.at is not None else last
        timed.append((last, line))
    return unique(line for _, line in sorted(timed, key=lambda item: item[0]))


_KINDS = {kind: rank for rank, kind in enumerate(Kind)}


def decisive(log_text: str, limit: int = 12) -> tuple[tuple[str, ...], str | None]:
    """The lines of one log that tell why, in the log's order, at most `limit`, and cause and fix in one sentence.

    Without a signature that fits, the exceptions raised; without these, the log's last lines. A line that several
    ranks printed is given once.
    """
    lines = [line for line in read_lines(log_text) if not is_aftermath(line)]
    if found := diagnose(lines):
        said = unique(line for line in lines if found.signature.pattern.search(line.text))
        return _last(said, limit), f"{found.cause}: {found.fix}"
    raised = [line for line in lines if is_exception(line)]
    return _last(unique(raised or lines), limit), None


def _last(lines: Sequence[Line], limit: int) -> tuple[str, ...]:
    """What is said last is nearest to the end."""
    return tuple(line.said for line in lines[-limit:])
