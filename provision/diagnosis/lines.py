"""Lines of a log: who said what, where and when, without the prefixes of vLLM, Ray, torch and the kernel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone

from provision.core.regex import regex
from provision.core.values import dataclass
from provision.diagnosis.packed import unpack
from provision.diagnosis.prefixes import Stripped, level_of, strip

#: Longer messages are cut: pydantic repeats the whole input, Ray's authentication error a manual.
LINE = 300


@dataclass(frozen=True, slots=True)
class Line:
    """`at`: seconds since the epoch by the controller's clock, None if it cannot be told. `who`: the rank that said it,
    empty for the program itself. `host`: where it was said, also if another host has it in its log; `place`: the host
    and the file that have it. `level`: `error`, `warning`, `info`, or empty where it was not said; `clock`: the time as
    it was written; `warned`: a program in Python said it as a warning, or went on."""

    text: str
    who: str = ""
    host: str = ""
    place: str = ""
    at: float | None = None
    level: str = ""
    clock: str = ""
    warned: bool = False

    @property
    def loud(self) -> bool:
        return self.level == "error"

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

    def since_boot(self, seconds: float) -> float | None:
        """None where it is not known when that was."""
        return self.now - self.uptime + seconds - self.ahead if self.uptime else None


#: What a program says in a line of its own, and then what it means.
_OPENINGS = (
    "Last error:",
    # On which node, the next line says.
    "ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory.",
)

#: What vLLM logs with the traceback of an exception from which it goes on; each line of it has the same place in front.
_GOES_ON = regex(r"^(?:Failed to load plugin |Error saving model info cache)")

_CLOCK_FACE = ("month", "day", "hour", "minute", "second")


#: Of Unix, Windows, and a progress bar. Not what else Unicode knows: that stands inside of a line, such as in a prompt.
_END = regex(r"\r\n|[\r\n]")


def rows(text: str) -> list[str]:
    return _END.split(text)


def read_lines(
    text: str,
    host: str = "",
    place: str = "",
    clock: Clock | None = None,
    addresses: Mapping[str, str] | None = None,
) -> list[Line]:
    """`addresses`: node IP → host, for what a rank says from elsewhere; of an address that is not among them, the
    address is the host's name. A line without a time has that of the line before."""
    clock, names = clock or Clock(), addresses or {}
    found: list[Line] = []
    at: float | None = None
    opened: Stripped | None = None
    harmless: set[str] = set()

    def told(said: Stripped) -> Line:
        where = names.get(said.address, said.address) or said.host or host or said.speaker
        return Line(said.text, _who(said, names), where, place, at, said.level, said.time, said.warned)

    for packed in (packed for raw in rows(text) for packed in unpack(raw)):
        said = strip(packed.text)
        said.host, said.level = said.host or packed.host, said.level or level_of(packed.level)
        if opened is not None and said.text and (said.level != opened.level or said.text in _OPENINGS):
            found.append(told(opened))  # what it means does not follow: somebody else has a word
            opened = None
        if said.text in _OPENINGS:
            opened = said
        elif said.text:
            said.text, opened = f"{opened.text} {said.text}" if opened else said.text, None
        at = time_of(said.stamp, clock) or at
        if said.file and _GOES_ON.match(said.text):
            harmless.add(said.file)
        said.warned = said.warned or said.file in harmless
        if said.text and opened is None:
            found.append(told(said))
    return found if opened is None else [*found, told(opened)]


def _who(said: Stripped, names: Mapping[str, str]) -> str:
    rank = f"rank {said.rank}" if said.rank else said.program if said.program.startswith("Worker_") else ""
    return " on ".join(filter(None, (rank, said.address if said.address not in names else "")))


def time_of(stamp: Mapping[str, str], clock: Clock) -> float | None:
    """Of the groups of a time stamp, by the controller's clock; None where it says none, or nothing is known of the
    host's clock."""
    if not clock.now or not stamp:
        return None
    if boot := stamp.get("boot"):
        return clock.since_boot(float(boot))
    month, day, hour, minute, second = (int(stamp.get(name, 0)) for name in _CLOCK_FACE)
    return clock.local(month, day, hour, minute, second, int(stamp.get("year", 0)))


def unique(lines: Iterable[Line]) -> list[Line]:
    """Each message once, where and when it was said first."""
    seen: dict[str, Line] = {}
    for line in lines:
        seen.setdefault(line.text, line)
    return list(seen.values())
