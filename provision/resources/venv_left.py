"""What builds of environments leave on a host: uploads that have arrived, which are not repeated, and leftovers, which
are pruned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from provision.core.script import Script, Upload, Value
from provision.payload.bundle import shell

_SENT = "sent."


def sent(value: str) -> tuple[str, str]:
    """A line of the probe as an aspect of the state."""
    size, _, name = value.partition(" ")
    return _SENT + name, size


def unsent(sources: Iterable[Path], have: Mapping[str, str], inbox: str) -> tuple[Upload, ...]:
    """An upload that broke off goes on where it was: what has arrived is whole, and its hash is checked once more when
    it is installed."""
    made = inbox.rpartition("/")[0]
    return tuple(
        Upload(path, inbox, made=made) for path in sources if have.get(_SENT + path.name) != str(path.stat().st_size)
    )


def leftovers(root: PurePosixPath | str, cluster: str, host: str, *, remove: bool, shown: Iterable[str] = ()) -> Script:
    """Lists what no environment in use needs, as (KiB, path, why) with tabs between; with `remove`, removes it.
    `shown`: paths to keep to; none for whatever there is."""
    body = shell("files/trust.sh", "files/rights.sh", "venv/shared.sh", "venv/left.sh", "venv/prune.sh")
    names: dict[str, Value] = {
        "root": str(root),
        "cluster": cluster,
        "host": host,
        "short": "none",
        "tag": f"none.{cluster}.{host}",
    }
    lines = [f"\n{path}\n" for path in shown]
    return Script(body, {**names, "remove": "yes" if remove else "", "shown": "".join(lines)}, timeout=600)
