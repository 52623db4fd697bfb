"""Where provision keeps what outlives a run on the controller: logs, wheels, a cluster's token."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def state_dir(environ: Mapping[str, str] | None = None) -> Path:
    """$PROVISION_STATE_DIR, or `provision` below $XDG_STATE_HOME, or ~/.local/state/provision. May not exist yet.

    A relative $XDG_STATE_HOME is ignored, as the XDG base directory specification demands.
    """
    env = os.environ if environ is None else environ
    if own := env.get("PROVISION_STATE_DIR"):
        return Path(own).expanduser().absolute()
    xdg = Path(env.get("XDG_STATE_HOME", ""))
    return (xdg if xdg.is_absolute() else Path.home() / ".local" / "state") / "provision"


def cluster_dir(cluster: str, environ: Mapping[str, str] | None = None) -> Path:
    """What belongs to one cluster. May not exist yet."""
    return state_dir(environ) / cluster
