"""What is wrong with a cluster, told once of all the hosts that share it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.render.errors import shared
from provision.render.merged import EACH, hostless
from provision.render.text import named

if TYPE_CHECKING:
    from provision.operate.status import ClusterStatus


def wrong_words(seen: ClusterStatus) -> list[str]:
    """What is not as it should be; the same of several hosts is told once."""
    same: dict[str, list[str]] = {}
    for line in seen.wrong:
        host = next((host.name for host in (*seen.hosts, *seen.former) if hostless(line, host.name) != line), "")
        same.setdefault(hostless(line, host), []).append(host)
    return [line.replace(EACH, named(hosts)) for line, hosts in same.items()]


def error_words(seen: ClusterStatus) -> list[tuple[str, str]]:
    """Why hosts could not be looked at, as it is told once of all that share it, and what to do."""
    found = shared(host.error for host in seen.hosts if host.error is not None)
    return [(f"{one.where}: {one.message}" if one.where else one.message, one.hint) for one in found]
