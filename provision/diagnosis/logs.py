"""Logs from anywhere: a file, standard input, or a folder with a subfolder per host, as somebody sent them.

A file may hold the logs of several hosts, each behind a line `@host NAME PATH`.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import IO

from provision.core.errors import ProvisionError, UsageError
from provision.core.regex import regex
from provision.core.values import dataclass
from provision.diagnosis.archive import LOGS, holds_bundle, read_bundle
from provision.diagnosis.contents import NotText, contents, text_of
from provision.diagnosis.lines import rows

_SECTION = regex(r"^@host (?P<host>\S+)(?: (?P<path>.*))?$")


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
    if holds_bundle(path):
        return _bundled(path)
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


def read_piped(stream: IO[bytes]) -> list[Log]:
    """The logs on standard input. Raises ProvisionError if it is no text."""
    try:
        return sections(text_of(stream), path="standard input")
    except NotText as error:
        raise ProvisionError(f"standard input {error.strerror}", hint=error.hint("FILE")) from None


def sections(text: str, host: str = "", path: str = "", changed: float = 0.0) -> list[Log]:
    """The logs in one text. Remarks at its beginning (`# …`) are not part of them."""
    found: list[tuple[str, str, list[str]]] = [(host, path, [])]
    begun = False
    for line in rows(text):
        if match := _SECTION.match(line):
            found.append((match["host"], match["path"] or path, []))
            begun = True
        elif begun or not line.startswith("# "):
            begun = True
            found[-1][2].append(line)
    return [Log(h, p, "\n".join(lines), changed) for h, p, lines in found if any(map(str.strip, lines))]


def _bundled(path: Path) -> list[Log]:
    """What services have written. Raises ProvisionError."""
    found: list[Log] = []
    for name, text in sorted(read_bundle(path).items()):
        folder, _, rest = name.partition("/")
        host, _, file = rest.partition("/")
        found += sections(text, host, file) if folder == LOGS and file else []
    if not found:
        raise UsageError(
            f"`{path}` holds no logs",
            hint=f"`provision check --from {shlex.quote(str(path))}` shows what else is in it",
        )
    return found


def _file(file: Path, host: str, name: str) -> list[Log]:
    try:
        found = list(contents(file))
        changed = file.stat().st_mtime
    except NotText as error:
        raise ProvisionError(f"`{file}` {error.strerror}", hint=error.hint(str(file))) from None
    except OSError as error:
        raise ProvisionError(f"`{file}` cannot be read: {error.strerror or error}") from None
    logs: list[Log] = []
    for inside, text in found:
        *_, folder, _ = ("", host, *inside.split("/")) if "/" in inside else ("", host, inside)
        logs += sections(text, folder, "/".join(filter(None, (name, inside))), changed)
    return logs
