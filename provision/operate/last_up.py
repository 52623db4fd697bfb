"""The last `up` from this machine, as its log has it: when, how it ended, and what it changed."""

from __future__ import annotations

import io
import re
from datetime import datetime, timezone
from pathlib import Path

from provision.core.paths import cluster_dir
from provision.core.reading import open_kept
from provision.core.visible import visible
from provision.operate.status import LastUp

#: Characters of a line of which more is not looked at, and changes that are remembered.
_LONGEST, _MOST = 2_000, 200

_NAME = re.compile(r"(?P<at>\d{8}T\d{6})\.\d{3}Z(?:\.\d+)?-(?:up|rollback)\.log\Z")
_CHANGED = re.compile(r"\S+ (?P<host>\S+) StepDone step='[^']*' label='(?P<label>[^']*)'")
_ENDED = re.compile(r"\S+ - RunDone exit_code=(?:<[^:>]*: )?(?P<code>\d+)")


def last_up(cluster: str) -> LastUp | None:
    """None: none that is known here. Raises NoHome."""
    try:
        logs = [
            (found["at"], path)
            for path in (cluster_dir(cluster) / "logs").iterdir()
            if (found := _NAME.match(path.name))
        ]
        at, path = max(logs)
    except (OSError, ValueError):
        return None
    began = datetime.strptime(at, "%Y%m%dT%H%M%S").replace(tzinfo=timezone.utc).timestamp()
    return _read(path, began)


def _read(path: Path, began: float) -> LastUp | None:
    changes: list[tuple[str, str]] = []
    code: int | None = None
    try:
        with io.TextIOWrapper(open_kept(path), encoding="utf-8", errors="replace") as log:
            while line := log.readline(_LONGEST):
                if (found := _CHANGED.match(line)) and len(changes) < _MOST:
                    changes.append((visible(found["host"]), visible(found["label"])))
                elif found := _ENDED.match(line):
                    code = int(found["code"])
    except OSError:
        return None
    return LastUp(began, code, tuple(changes))
