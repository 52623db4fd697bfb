"""From the lines of all hosts to one cause, or to the lines that a person should see."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from provision.core.values import dataclass
from provision.diagnosis.lines import Line, read_lines, unique
from provision.diagnosis.noise import is_aftermath, is_exception, is_import, is_kill, is_own, is_warned, of_kernel
from provision.diagnosis.port_keys import DEFAULTS
from provision.diagnosis.signature import Kind, Signature
from provision.diagnosis.table import signatures

#: Lines shown of a cause: one says it, a few more say how many ranks it hit.
SHOWN = 6

#: Lines before and after one that tell what it is about.
BESIDE = 12

#: Seconds. What the kernel said so long before anything else in these logs was of an earlier run; where it is more than
#: some months, one of the two has been taken to be of another year.
LONG_BEFORE, TOO_LONG = 3600.0, 200 * 86400.0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`evidence`: the lines that say it, the first one first. `host`: where it happened. `weak`: it was said as a
    warning only, or long before."""

    signature: Signature
    cause: str
    fix: str
    evidence: tuple[Line, ...]
    weak: bool = False

    @property
    def host(self) -> str:
        return self.evidence[0].host

    @property
    def likely(self) -> bool:
        """It is what the lines show first, and may follow from something that is logged nowhere."""
        return self.weak or self.signature.kind is not Kind.CAUSE

    def explains_more_than(self, other: Diagnosis) -> bool:
        return (self.weak, _KINDS[self.signature.kind]) < (other.weak, _KINDS[other.signature.kind])


def diagnose(lines: Sequence[Line], keys: Mapping[int, str] = DEFAULTS) -> Diagnosis | None:
    """What explains most, over all lines: a cause before a symptom before waiting, and of the same kind what was said
    first. What was only warned of, or was long before, comes after that, and waiting last; where there is an exception
    that is not known, not at all. Among lines of one time their order decides, and of one line the table's. None:
    nothing is known. `keys`: of the inventory, as for `Signature.told`."""
    said = _in_time(lines)
    begun = min((line.at for line in lines if line.at is not None and not of_kernel(line)), default=None)
    past = {place for place, line in said if _is_past(line, begun)}
    faint = {place for place, line in said if place in past or is_warned(line)}
    strong = [item for item in said if item[0] not in faint]
    weak = [item for item in said if item[0] in faint]
    if found := _first((Kind.CAUSE,), strong, lines, keys):
        return found
    # An exception that is not known here: what else was said may have nothing to do with it, or follow from it.
    own = next((place for place, line in said if is_own(line) and not _known(place, lines)), None)
    echoes: set[int] = set()
    if own is not None:
        places = [place for place, _ in said]
        echoes = set(places[places.index(own) :])
        strong = [item for item in strong if not of_kernel(item[1])]
        weak = [item for item in weak if is_import(item[1])]
        waiting = []
    else:
        # Who was ended long before is not missed now.
        weak = [item for item in weak if item[0] not in past or not is_kill(item[1])]
        waiting = said
    if found := _first((Kind.SYMPTOM, Kind.VAGUE), strong, lines, keys, echoes):
        return found
    if found := _first((Kind.CAUSE, Kind.SYMPTOM, Kind.VAGUE), weak, lines, keys):
        return replace(found, weak=not is_import(found.evidence[0]))
    return _first((Kind.WAIT,), waiting, lines, keys)


def _first(
    kinds: Sequence[Kind],
    said: Sequence[tuple[int, Line]],
    lines: Sequence[Line],
    keys: Mapping[int, str],
    echoes: Collection[int] = (),
) -> Diagnosis | None:
    """`echoes`: the places of lines that may follow from something else."""
    for kind in kinds:
        known = [signature for signature in signatures() if signature.kind is kind]
        for place, line in said:
            for signature in known:
                if signature.echo and place in echoes:
                    continue
                if match := _says(signature, lines, place):
                    cause, fix = signature.told(match.groupdict(), line.host, keys)
                    others = [other for at, other in said if _says(signature, lines, at)]
                    return Diagnosis(signature, cause, fix, tuple(unique([line, *others])[:SHOWN]))
    return None


def _known(place: int, lines: Sequence[Line]) -> bool:
    return any(_says(signature, lines, place) for signature in signatures())


def _is_past(line: Line, begun: float | None) -> bool:
    """Said by the kernel, long before anything else was said."""
    if line.at is None or begun is None or not of_kernel(line):
        return False
    return LONG_BEFORE < begun - line.at < TOO_LONG


def _says(signature: Signature, lines: Sequence[Line], place: int) -> re.Match[str] | None:
    """Whether the line at `place` says what the signature knows."""
    line = lines[place]
    if line.level == "info" and not signature.quiet:
        return None
    match = signature.pattern.search(line.text)
    if match is not None and (over := signature.over(match.groupdict())):
        later = (other.text for other in lines[place + 1 :] if other.place == line.place)
        match = None if any(map(over.search, later)) else match
    if match is None or signature.beside is None:
        return match
    near = lines[max(0, place - BESIDE) : place + BESIDE + 1]
    return match if any(signature.beside.search(other.text) for other in near if other.place == line.place) else None


def _in_time(lines: Sequence[Line]) -> list[tuple[int, Line]]:
    """With their places, in the order in which they were said; a line whose time is not known, after the one before it.
    Each text once, and none that is mere aftermath."""
    last, timed = 0.0, []
    dated = any(line.at is not None for line in lines)
    for place, line in enumerate(lines):
        last = line.at if line.at is not None else last
        if not is_aftermath(line):
            # Of whom the kernel ended, nobody knows when, it may have been long before.
            timed.append((math.inf if dated and line.at is None and is_kill(line) else last, place, line))
    first: dict[tuple[str, bool], tuple[int, Line]] = {}
    for _, place, line in sorted(timed, key=lambda item: item[0]):
        # What was quoted at level info, or of a request, may be what ends the server later.
        first.setdefault((line.text, line.level == "info"), (place, line))
    return list(first.values())


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
