"""Where provision keeps what outlives a run on the controller: logs, wheels, a cluster's token."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from provision.core import person
from provision.core.errors import NoHome

#: What to do where the usual place will not do.
MOVE = "name a writable folder in PROVISION_STATE_DIR"


def state_dir(environ: Mapping[str, str] | None = None) -> Path:
    """$PROVISION_STATE_DIR, or `provision` below $XDG_STATE_HOME, or ~/.local/state/provision. May not exist yet.

    A relative $XDG_STATE_HOME is ignored, as the XDG base directory specification demands. Raises NoHome.
    """
    env = os.environ if environ is None else environ
    if own := env.get("PROVISION_STATE_DIR"):
        return person.to_write(own, MOVE).absolute()
    xdg = Path(env.get("XDG_STATE_HOME", ""))
    if xdg.is_absolute():
        return xdg / "provision"
    home = person.home()
    if home is None:
        raise NoHome(f"there is no state folder: {person.nameless()}", hint=MOVE)
    return home / ".local" / "state" / "provision"


def cluster_dir(cluster: str, environ: Mapping[str, str] | None = None) -> Path:
    """What belongs to one cluster. May not exist yet. Raises NoHome."""
    return state_dir(environ) / cluster
