"""The last `up` from this machine, as its log has it: when, how it ended, and what it changed."""

from __future__ import annotations

import io
from datetime import datetime, timezone
from pathlib import Path

from provision.core.paths import cluster_dir
from provision.core.reading import open_kept
from provision.core.regex import regex
from provision.core.visible import visible
from provision.operate.status import LastUp

#: Characters of a line of which more is not looked at, and changes that are remembered.
_LONGEST, _MOST = 2_000, 200

_NAME = regex(r"(?P<at>\d{8}T\d{6})\.\d{3}Z(?:\.\d+)?-(?:up|rollback)\.log\Z")
_CHANGED = regex(r"\S+ (?P<host>\S+) StepDone step='[^']*' label='(?P<label>[^']*)'")
_STARTED = regex(r"\S+ - RunStarted ")
_ENDED = regex(r"\S+ - RunDone exit_code=(?:<[^:>]*: )?(?P<code>\d+)")


def last_up(cluster: str) -> LastUp | None:
    """None: none that is known here. Raises NoHome."""
    try:
        paths = list((cluster_dir(cluster) / "logs").iterdir())
    except OSError:
        return None
    logs = [(began, path) for path in paths if (began := _began(path)) is not None]
    if not logs:
        return None
    # One that ended before any host was contacted, as by a mistake in the playbook, says nothing of the hosts.
    found = (_read(path, began) for began, path in sorted(logs, reverse=True))
    return next((last for last in found if last is not None), None)


def _began(path: Path) -> float | None:
    """By its name; None: it is none of a run that counts."""
    found = _NAME.match(path.name)
    try:
        at = datetime.strptime(found["at"], "%Y%m%dT%H%M%S") if found else None
    except ValueError:
        return None
    return at.replace(tzinfo=timezone.utc).timestamp() if at is not None else None


def _read(path: Path, began: float) -> LastUp | None:
    """None: it cannot be read, or contacted no host."""
    changes: list[tuple[str, str]] = []
    code: int | None = None
    started = False
    try:
        with io.TextIOWrapper(open_kept(path), encoding="utf-8", errors="replace") as log:
            while line := log.readline(_LONGEST):
                if (found := _CHANGED.match(line)) and len(changes) < _MOST:
                    changes.append((visible(found["host"]), visible(found["label"])))
                elif found := _ENDED.match(line):
                    code = int(found["code"])
                started = started or _STARTED.match(line) is not None
    except OSError:
        return None
    return LastUp(began, code, tuple(changes)) if started else None
