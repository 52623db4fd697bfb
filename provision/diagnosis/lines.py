"""Lines of a log: who said what, where and when, without the prefixes of vLLM, Ray, torch and the kernel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

#: Longer messages are cut: pydantic repeats the whole input, Ray's authentication error a manual.
LINE = 300


@dataclass(frozen=True, slots=True)
class Line:
    """`at`: seconds since the epoch by the controller's clock, None if it cannot be told. `who`: the rank that said it,
    empty for the program itself. `host`: where it was said, also if another host has it in its log; `place`: the host
    and the file that have it. `loud`: said as an error."""

    text: str
    who: str = ""
    host: str = ""
    place: str = ""
    at: float | None = None
    loud: bool = False

    @property
    def said(self) -> str:
        text = f"{self.who}: {self.text}" if self.who else self.text
        return text if len(text) <= LINE else text[: LINE - 1] + "…"


@dataclass(frozen=True, slots=True)
class Clock:
    """How the time stamps of a host become the controller's time. `now` and `ahead`: its clock (seconds since the
    epoch), and how far that is ahead of the controller's; `zone`: seconds east of UTC; `uptime`: seconds."""

    now: float = 0.0
    zone: int = 0
    uptime: float = 0.0
    ahead: float = 0.0

    def local(self, month: int, day: int, hour: int, minute: int, second: int, year: int = 0) -> float | None:
        """Log lines rarely have a year: then it is the latest that does not lie ahead."""
        here = timezone(timedelta(seconds=self.zone))
        try:
            at = datetime(
                year or datetime.fromtimestamp(self.now, here).year, month, day, hour, minute, second, tzinfo=here
            )
            if not year and at.timestamp() > self.now + 86400:
                at = at.replace(year=at.year - 1)
        except ValueError:
            return None
        return at.timestamp() - self.ahead

    def since_boot(self, seconds: float) -> float:
        return self.now - self.uptime + seconds - self.ahead


_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_REPEATED = re.compile(r"\s*\[repeated \d+x across cluster\].*$")
# `(RayWorkerProc pid=619, ip=10.0.0.2) (Worker_PP1 pid=619) ERROR 11-21 00:31:59 [file.py:1063] message`
_PROCESS = re.compile(r"^\((?:(?P<name>\w+) )?pid=\d+(?:, ip=(?P<ip>[^)]+))?\) ?")
_VLLM = re.compile(
    r"^(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) (?P<month>\d\d)-(?P<day>\d\d) "
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d) \[[^\]]*\] ?"
)
_RAY = re.compile(
    r"^\[?(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d) (?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)[\d:,.]*"
    r"(?: (?P<letter>[A-Z]) \d+ \d+\] (?:\(\w+\) )?\S+:\d+: |\t(?P<level>[A-Z]+) \S+ -- )"
)
_TORCH = re.compile(
    r"^(?:\[rank(?P<rank>\d+)\]:)?\[(?P<letter>[IWEF])(?P<month>\d\d?)(?P<day>\d\d) "
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)\.\d+ [^\]]*\] ?"
)
_KERNEL = re.compile(r"^\[ *(?P<boot>\d+\.\d+)\] ")
_CLOCK_FACE = ("month", "day", "hour", "minute", "second")
_PREFIXES = (_VLLM, _RAY, _TORCH, _KERNEL)
_LOUD = {"ERROR", "CRITICAL", "PANIC", "ERR", "E", "C", "F"}


def read_lines(
    text: str,
    host: str = "",
    place: str = "",
    clock: Clock | None = None,
    addresses: Mapping[str, str] | None = None,
) -> list[Line]:
    """`addresses`: node IP → host, for what a rank says from elsewhere. A line without a time has that of the line
    before."""
    clock, names = clock or Clock(), addresses or {}
    found: list[Line] = []
    at = None
    for raw in text.splitlines():
        line, at = _read(raw, host, place, clock, names, at)
        if line.text:
            found.append(line)
    return found


def _read(
    raw: str, host: str, place: str, clock: Clock, names: Mapping[str, str], before: float | None
) -> tuple[Line, float | None]:
    text = _REPEATED.sub("", _ANSI.sub("", raw))
    who = address = ""
    while match := _PROCESS.match(text):
        who = match["name"] or who
        address = match["ip"] or address
        text = text[match.end() :]
    at, loud = before, False
    for prefix in _PREFIXES:
        if match := prefix.match(text):
            stamp = match.groupdict()
            at, loud = _time(stamp, clock) or before, (stamp.get("level") or stamp.get("letter")) in _LOUD
            text = text[match.end() :]
            break
    rank = who if who.startswith("Worker_") else ""
    elsewhere = names.get(address, "")
    if address and not elsewhere:
        rank = " on ".join(filter(None, (rank, address)))
    return Line(text.strip(), rank, elsewhere or host, place, at, loud), at


def _time(stamp: Mapping[str, str | None], clock: Clock) -> float | None:
    if not clock.now:
        return None
    if boot := stamp.get("boot"):
        return clock.since_boot(float(boot))
    month, day, hour, minute, second = (int(stamp[name] or 0) for name in _CLOCK_FACE)
    return clock.local(month, day, hour, minute, second, int(stamp.get("year") or 0))


def unique(lines: Iterable[Line]) -> list[Line]:
    """Each message once, where and when it was said first."""
    seen: dict[str, Line] = {}
    for line in lines:
        seen.setdefault(line.text, line)
    return list(seen.values())
