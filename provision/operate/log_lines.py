"""Lines of the logs of many hosts on one time line: pure, and total; any text gives lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import field, replace

from provision.core.regex import regex
from provision.core.values import dataclass
from provision.diagnosis.lines import Clock, time_of
from provision.diagnosis.prefixes import strip

#: From the least to the most.
LEVELS = ("info", "warning", "error")

#: More logs than that no host has, whatever it says.
_MOST_FILES = 500

_AGO = regex(r"(\d{1,6}(?:\.\d{1,3})?)\s*(s|m|min|h|d)\Z")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class LogLine:
    """`at`: seconds since the epoch by the controller's clock, None if it cannot be told; `order`: the same, and never
    less than of the line before in the same log. `level`: of what it belongs to, as of a traceback below an error."""

    host: str
    log: str
    path: str
    text: str
    at: float | None
    level: str
    order: float = 0.0


@dataclass(frozen=True)
class LogFile:
    """`skipped`: bytes before what was read. `changed`: when it was last written, by the controller's clock."""

    host: str
    log: str
    path: str
    changed: float
    skipped: int


@dataclass(frozen=True)
class Filter:
    """Which lines are shown. `since`: seconds since the epoch; a line whose time cannot be told may be of then."""

    since: float | None = None
    pattern: re.Pattern[str] | None = None
    level: str = ""

    def takes(self, line: LogLine) -> bool:
        if self.since is not None and line.at is not None and line.at < self.since:
            return False
        if self.level and LEVELS.index(line.level or "info") < LEVELS.index(self.level):
            return False
        return self.pattern is None or self.pattern.search(line.text) is not None


@dataclass
class _Open:
    file: LogFile
    at: float | None = None
    level: str = ""
    order: float = 0.0


@dataclass
class HostReader:
    """What one host prints (payload/logs/read.sh), line by line. `ahead`: of its clock, in seconds. `files`: of which
    it has told so far."""

    host: str
    ahead: float = 0.0
    files: list[LogFile] = field(default_factory=list)
    _clock: Clock = field(default_factory=Clock)
    _open: dict[str, _Open] = field(default_factory=dict)

    def read(self, raw: str) -> LogLine | None:
        """None for what is no line of a log."""
        number, sign, text = raw.partition("|")
        if sign and number in self._open:
            return self._line(self._open[number], text)
        words = raw.split(" ", 5)
        if words[0] == "@clock":
            self._clock = _clock(raw.split(" "), self.ahead)
        elif words[0] == "@file" and len(words) == 6 and len(self.files) < _MOST_FILES:
            _, number, changed, skipped, log, path = words
            file = LogFile(self.host, log, path, _number(changed) - self.ahead, int(_number(skipped)))
            self.files.append(file)
            self._open[number] = _Open(file)
        return None

    def _line(self, log: _Open, text: str) -> LogLine | None:
        said = strip(text)
        at = time_of(said.stamp, self._clock)
        if not said.text and at is None:
            return None
        if at is not None or said.level:
            log.level = said.level
        log.at = at if at is not None else log.at
        log.order = max(log.order, log.at or 0.0)
        return LogLine(self.host, log.file.log, log.file.path, text, log.at, log.level, log.order)


def in_order(readers: Iterable[HostReader], lines: Iterable[LogLine]) -> list[LogLine]:
    """The lines of all logs, in the order in which they were written. What stands before the first time of a log was
    said then; in a log without any, when that was last written."""
    first = {(file.host, file.path): file.changed for reader in readers for file in reader.files}
    kept = list(lines)
    for line in reversed(kept):
        if line.at is not None:
            first[line.host, line.path] = line.at
    found = []
    for line in kept:
        at = first.get((line.host, line.path), 0.0)
        found.append(line if line.at is not None else replace(line, at=at, order=max(line.order, at)))
    return sorted(found, key=lambda line: line.order)


def seconds_ago(text: str) -> float | None:
    """Of `10m`, `2h`, `90s`, `1d`: seconds; None for what is none."""
    match = _AGO.match(text.strip())
    return float(match[1]) * _SECONDS[match[2]] if match else None


def _clock(words: list[str], ahead: float) -> Clock:
    _, now, zone, uptime = (*words, "", "", "", "")[:4]
    east = 0
    if len(zone) == 5 and zone[1:].isascii() and zone[1:].isdigit():
        east = (int(zone[1:3]) * 60 + int(zone[3:])) * (-60 if zone[0] == "-" else 60)
    return Clock(_number(now), east if abs(east) < 86_400 else 0, _number(uptime), ahead)


def _number(text: str) -> float:
    return float(text) if re.fullmatch(r"\d{1,14}(?:\.\d{1,9})?", text, re.ASCII) else 0.0
