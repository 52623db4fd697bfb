"""Logs from anywhere: a file, standard input, or a folder with a subfolder per host, as somebody sent them.

A file may hold the logs of several hosts, each behind a line `@host NAME PATH`.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from provision.core.errors import ProvisionError, UsageError

#: Bytes of a file's end that are read: what ended a program stands there.
LONGEST = 16 * 1024 * 1024

_SECTION = re.compile(r"^@host (?P<host>\S+)(?: (?P<path>.*))?$")


@dataclass(frozen=True)
class Log:
    """`host`: empty where nobody says. `changed`: when it was last written (seconds since the epoch), 0 if that is not
    known."""

    host: str
    path: str
    text: str
    changed: float = 0.0


#: A file, a folder with a subfolder for each host, or a log that is read already.
Source = Path | Log


def logs_of(source: Source) -> list[Log]:
    return [source] if isinstance(source, Log) else read_logs(source)


def read_logs(path: Path) -> list[Log]:
    """A file, or all files of a folder in the order of their names. Raises UsageError if there is none, ProvisionError
    if one cannot be read."""
    if not path.exists():
        raise UsageError(
            f"there is no file `{path}`", hint="name log files, folders of them, or `-` for standard input"
        )
    if not path.is_dir():
        return _file(path, "", str(path))
    found: list[Log] = []
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        inside = file.relative_to(path)
        host = inside.parts[0] if len(inside.parts) > 1 else ""
        found += _file(file, host, str(inside if not host else Path(*inside.parts[1:])))
    if not found:
        raise UsageError(f"there is no file in `{path}`", hint="it should have a subfolder of logs for each host")
    return found


def sections(text: str, host: str = "", path: str = "", changed: float = 0.0) -> list[Log]:
    """The logs in one text. Remarks at its beginning (`# …`) are not part of them."""
    found: list[tuple[str, str, list[str]]] = [(host, path, [])]
    begun = False
    for line in text.splitlines():
        if match := _SECTION.match(line):
            found.append((match["host"], match["path"] or path, []))
            begun = True
        elif begun or not line.startswith("# "):
            begun = True
            found[-1][2].append(line)
    return [Log(h, p, "\n".join(lines), changed) for h, p, lines in found if any(map(str.strip, lines))]


def _file(file: Path, host: str, name: str) -> list[Log]:
    try:
        text = "".join(_end(file))
        changed = file.stat().st_mtime
    except (OSError, EOFError) as error:
        raise ProvisionError(f"`{file}` cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return sections(text, host, name, changed)


def _end(file: Path) -> Iterator[str]:
    """The end of a file, unpacked; any bytes are text."""
    if file.suffix == ".gz":
        with gzip.open(file) as packed:
            end = b""
            while piece := packed.read(LONGEST):
                end = (end + piece)[-LONGEST:]
    else:
        with file.open("rb") as plain:
            plain.seek(max(0, file.stat().st_size - LONGEST) if file.is_file() else 0)
            end = plain.read(LONGEST)
    yield end.replace(b"\0", b"").decode("utf-8", "replace")
