"""For an unknown cause: the most telling lines of every host, in the order in which they were written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from provision.diagnosis.lines import Line, unique
from provision.diagnosis.noise import is_aftermath, worth

#: Lines on the time line, over all hosts.
LONGEST = 20


def timeline(lines: Sequence[Line], longest: int = LONGEST) -> list[Line]:
    """At most `longest`, from every host that said something of its own: exceptions before errors before the last
    words. Lines without a time come first, in their order."""
    by_host: dict[str, list[Line]] = {}
    for line in unique(line for line in lines if not is_aftermath(line)):
        by_host.setdefault(line.host, []).append(line)
    each = max(2, longest // max(1, len(by_host)))
    chosen = [line for said in by_host.values() for line in _best(said, each)]
    return sorted(chosen, key=lambda line: line.at or 0.0)[:longest]


def _best(lines: list[Line], number: int) -> list[Line]:
    """The first of what is worth most; of mere words, the last."""
    ranked = sorted(range(len(lines)), key=lambda i: (-worth(lines[i]), -i if worth(lines[i]) < 2 else i))
    return [lines[i] for i in sorted(ranked[:number]) if worth(lines[i])]


def shown(line: Line) -> str:
    """`00:31:59  gpu-02:/…/vllm/log  ValueError: …`; the time is the controller's."""
    at = [datetime.fromtimestamp(line.at).strftime("%H:%M:%S")] if line.at is not None else []
    return "  ".join([*at, line.place or line.host, line.said])
