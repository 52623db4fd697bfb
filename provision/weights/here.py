"""`serve.model` that is a path, of which nothing more is said: a folder of the hosts, or one that this machine alone
has, and sends. What is seen on the hosts decides (provision.cluster.model_folder)."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from provision.core.person import expanded
from provision.inventory.models import Serve
from provision.payload.weights.selection import NOT_OF_A_MODEL
from provision.weights.source import folder_of, is_folder


def here(serve: Serve | None) -> Path | None:
    """The folder of a model on this machine that `serve.model` may mean, None if there is none, or `serve.weights` says
    where the model is."""
    if serve is None or serve.weights.source or serve.weights.path or not is_folder(serve.model):
        return None
    with suppress(OSError, ValueError):
        folder = expanded(serve.model)
        return folder if folder.resolve().name and (folder / "config.json").is_file() else None
    return None


def as_sent(serve: Serve, folder: Path) -> Serve:
    """As if the folder had been named as `serve.weights.path`, and the model by its name."""
    weights = serve.weights.model_copy(update={"path": str(folder)})
    return serve.model_copy(update={"model": folder.resolve().name, "weights": weights})


def sent_to(serve: Serve, root: str) -> str:
    """Where it would lie on a host, if it is sent; empty if there is nothing here."""
    folder = here(serve)
    return folder_of(as_sent(serve, folder), root) if folder is not None else ""


def sizes_of(folder: Path) -> dict[str, int]:
    """Every file below `folder` with its size, as the facts of a host list it. Raises OSError."""
    found: dict[str, int] = {}
    for place, inner, files in os.walk(folder, followlinks=True, onerror=_fail):
        inner[:] = [name for name in inner if name not in NOT_OF_A_MODEL]
        for path in (Path(place, name) for name in files):
            if path.is_file():
                found[str(path.relative_to(folder))] = path.stat().st_size
    return found


def _fail(error: OSError) -> None:
    raise error
