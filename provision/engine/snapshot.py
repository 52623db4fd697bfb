"""What the hosts were like at one moment, kept in a file, and what has changed since.

A snapshot holds every lasting fact that `check` knows of a host, in words: versions, models, counts, flags; no secret,
no digest of one, no password of a URL. A successful `up` keeps one by itself, so that "what has changed since it last
worked" is one command.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from provision.core.errors import SnapshotError
from provision.core.files import obstacle, write_whole
from provision.core.finding import AREAS, Known
from provision.core.paths import cluster_dir
from provision.core.private import private_folder
from provision.core.reading import as_json, read_given
from provision.core.report import WHOLE_AREA, Changed, Report, Since
from provision.core.room import way_out
from provision.core.urls import masked
from provision.core.values import dataclass

#: Raised when a field changes its meaning; a file of another version is refused.
VERSION = 1

#: The year 9999, after which Python has no dates.
_LAST_YEAR = 253_370_764_800


@dataclass(frozen=True)
class Snapshot:
    """`taken`: seconds since the epoch. `hosts`: name → area → fact → value."""

    taken: float
    cluster: str
    hosts: Mapping[str, Mapping[str, Mapping[str, str]]]


def last_up(cluster: str) -> Path:
    """The snapshot that a successful `up` keeps. May not exist yet."""
    return cluster_dir(cluster) / "last-up.json"


def take(known: Mapping[str, Iterable[Known]], cluster: str, at: float) -> Snapshot:
    return Snapshot(at, cluster, {host: _by_area(cells) for host, cells in known.items()})


def save(snapshot: Snapshot, path: Path, *, kept: bool = False) -> None:
    """Whole or not at all; `kept`: to a file alone. Raises SnapshotError."""
    content = {"v": VERSION, "taken": snapshot.taken, "cluster": snapshot.cluster, "hosts": snapshot.hosts}
    try:
        if not path.parent.exists():
            private_folder(path.parent)
        write_whole(path, json.dumps(content, indent=1) + "\n", kept=kept)
    except OSError as error:
        hint = getattr(error, "hint", "") or way_out(error, path, "")
        raise SnapshotError(f"`{path}` cannot be written: {error.strerror}", hint=hint) from error


def keep(snapshot: Snapshot) -> None:
    """As the one of the last successful `up`. Raises SnapshotError, NoHome."""
    path = last_up(snapshot.cluster)
    try:
        private_folder(path.parent)
        # Older versions left it to the umask who reads it.
        with suppress(FileNotFoundError):
            path.chmod(0o600)
    except OSError as error:
        raise SnapshotError(f"`{path}` cannot be written: {error.strerror}") from error
    save(snapshot, path, kept=True)


def saved(report: Report, cluster: str, at: float, path: Path) -> Report:
    """Saves what `report` knows. That the disk is full says nothing of the hosts: what was found on them is in the
    report all the same, with one more error."""
    try:
        save(take(report.known, cluster, at), path)
    except SnapshotError as error:
        return report.with_errors(error)
    return report


def load(path: Path) -> Snapshot:
    """Raises SnapshotError, also for a file that is something else."""
    try:
        content = as_json(read_given(path))
    except FileNotFoundError:
        hint = "`provision check --save FILE` makes one, and so does a successful `provision up`"
        raise SnapshotError(f"there is no snapshot at `{path}`", hint=hint) from None
    except OSError as error:
        hint = getattr(error, "hint", "")
        raise SnapshotError(f"`{path}` cannot be read: {error.strerror}", hint=hint) from error
    except ValueError as error:
        raise SnapshotError(f"`{path}` is not a snapshot: {error}") from None
    if isinstance(content, dict) and content.get("v") not in (None, VERSION):
        raise SnapshotError(
            f"`{path}` is a snapshot of version {content['v']}, this provision reads version {VERSION}",
            hint="make a new one with `provision check --save FILE`",
        )
    try:
        hosts = {
            str(host): {str(a): {str(f): masked(str(v)) for f, v in facts.items()} for a, facts in areas.items()}
            for host, areas in content["hosts"].items()
        }
        taken = float(content["taken"])
        if not 0 <= taken < _LAST_YEAR:
            raise ValueError("no time that a clock shows")
        return Snapshot(taken, str(content["cluster"]), hosts)
    except (AttributeError, KeyError, TypeError, ValueError):
        hint = "name a file that `provision check --save FILE` wrote"
        raise SnapshotError(f"`{path}` is not a snapshot", hint=hint) from None


def since(before: Snapshot, report: Report, *, source: str, areas: Iterable[str] = ()) -> Since:
    """What of the hosts that `report` knows is not as it was in `before`. `areas`: those that were looked at, none for
    all. A host that is new, or was not reached, has not changed."""
    looked_at = tuple(areas) or AREAS
    changes: list[Changed] = []
    for host, cells in report.known.items():
        if host in before.hosts:
            changes += _changes(host, before.hosts[host], _by_area(cells), looked_at)
    compared = tuple(host for host in report.known if host in before.hosts)
    missed = tuple(host.name for host in report.hosts if host.name not in compared)
    return Since(before.taken, source, tuple(changes), compared, missed)


def _changes(
    host: str, before: Mapping[str, Mapping[str, str]], now: Mapping[str, Mapping[str, str]], areas: Iterable[str]
) -> Iterable[Changed]:
    for area in areas:
        old, new = before.get(area, {}), now.get(area, {})
        if old and not new:
            yield Changed(host, area, WHOLE_AREA, f"{len(old)} facts", "")
            continue
        for fact in (*old, *(f for f in new if f not in old)):
            if old.get(fact, "") != new.get(fact, ""):
                yield Changed(host, area, fact, old.get(fact, ""), new.get(fact, ""))


def _by_area(cells: Iterable[Known]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for cell in cells:
        if cell.lasting:
            found.setdefault(cell.area, {})[cell.fact] = masked(cell.value)
    return found


def must_be_writable(path: Path) -> None:
    """Raises SnapshotError for a path that `save` could not write."""
    why, hint = obstacle(path)
    if why:
        raise SnapshotError(why, hint=hint)
