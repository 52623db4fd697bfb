"""What a host answered when it was asked for its logs, as lines. Pure, and total: any text gives lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from provision.diagnosis.lines import Clock, Line, read_lines

# What was said this long before the run began, by a clock that is known to about a second, is of another run.
_SLACK = 2.0


def read_answer(stdout: str, host: str, since: float, ahead: float, addresses: Mapping[str, str]) -> list[Line]:
    """`since`: the host's clock when the run began; `ahead`: how far that is ahead of the controller's (seconds).
    `addresses`: node IP → host. The `place` of a line is `host:path`."""
    clock = Clock(ahead=ahead)
    files: list[tuple[str, float, list[str]]] = []
    for raw in stdout.splitlines():
        if raw.startswith("|") and files:
            files[-1][2].append(raw[1:])
        elif raw.startswith("@file "):
            _, at, path = raw.split(" ", 2)
            files.append((path, _number(at), []))
        elif raw.startswith("@clock "):
            clock = _clock(raw.split(), ahead)
    found: list[Line] = []
    for path, changed, said in files:
        if changed >= since - _SLACK:
            lines = _timed(read_lines("\n".join(said), host, f"{host}:{path}", clock, addresses), changed - ahead)
            found += [line for line in lines if line.at is None or line.at >= since - ahead - _SLACK]
    return found


def _timed(lines: list[Line], changed: float) -> list[Line]:
    """What stands before the first line with a time was said then; in a log without any, when it was changed."""
    first = next((line.at for line in lines if line.at is not None), changed)
    return [line if line.at is not None else replace(line, at=first) for line in lines]


def _clock(words: list[str], ahead: float) -> Clock:
    _, now, zone, uptime = (*words, "", "", "", "")[:4]
    seconds = 0
    if len(zone) == 5 and zone[1:].isdigit():
        seconds = (int(zone[1:3]) * 60 + int(zone[3:])) * (-60 if zone[0] == "-" else 60)
    return Clock(_number(now), seconds, _number(uptime), ahead)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
