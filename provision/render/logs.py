"""Lines of the logs of all hosts, each behind its time, host and log."""

from __future__ import annotations

from collections.abc import Sequence
from time import localtime, strftime
from typing import TYPE_CHECKING

from provision.core.wording import size
from provision.render.text import HOSTS, PLAIN, Paint, Style, clean

if TYPE_CHECKING:
    from provision.operate.log_lines import LogFile, LogLine

_LEVEL = {"error": Style.ERROR, "warning": Style.WARN}


class LogView:
    """`hosts`: all that may come, each in a colour of its own."""

    def __init__(self, hosts: Sequence[str], paint: Paint = PLAIN) -> None:
        self._paint = paint
        self._styles = {host: HOSTS[index % len(HOSTS)] for index, host in enumerate(hosts)}
        self._width = max(map(len, hosts), default=0)

    def line(self, line: LogLine) -> str:
        """`13:02:11  gpu-01  vllm  INFO 11-21 …`; the time is the controller's."""
        at = strftime("%m-%d %H:%M:%S", localtime(line.at)) if line.at else "not known   "
        who = f"{clean(line.host):<{self._width}}  {clean(line.log):<4}"
        text, style = clean(line.text), _LEVEL.get(line.level)
        text = self._paint(style, text) if style else text
        return f"{at}  {self._paint(self._styles.get(line.host, Style.DIM), who)}  {text}"


def left_out(files: Sequence[LogFile]) -> list[str]:
    """What was not read, where all was asked for."""
    return [
        clean(
            f"note: of {file.log} on {file.host}, what stands before the last part was not read ({size(file.skipped)})"
        )
        for file in files
        if file.skipped
    ]


def nothing_shown(files: Sequence[LogFile], hosts: Sequence[str]) -> list[str]:
    """What an empty answer means. `hosts`: those that gave it."""
    if not files:
        return [f"note: no log is there on {', '.join(hosts)}"] if hosts else []
    read = dict.fromkeys(f"{file.log} on {file.host}" for file in files)
    return [f"note: there is nothing to show of {', '.join(read)}"]


def log_json(line: LogLine) -> dict[str, object]:
    return {
        "host": line.host,
        "log": line.log,
        "path": line.path,
        "at": line.at,
        "level": line.level,
        "text": line.text,
    }
