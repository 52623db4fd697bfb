"""The token that every node of a Ray cluster shows to the others: made once per cluster, kept by the controller.

Without one, anyone who reaches Ray's ports runs code on every node. A team shares one controller, or names the
same value under `secrets: {RAY_AUTH_TOKEN: …}` in the inventory.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from provision.core.errors import NoHome, ProvisionError
from provision.core.paths import MOVE, cluster_dir
from provision.core.private import NotPrivate, private_folder, require_ours
from provision.core.secret import Secret

#: The token's name among the secrets of an inventory, and in Ray.
RAY_TOKEN = "RAY_AUTH_TOKEN"


def ray_token(cluster: str, *, create: bool) -> Secret:
    """The token kept for `cluster`. Without `create`, and with none to be had, one that nothing on a host matches.

    Raises NoHome and ProvisionError with `create`, if there is no place to keep it."""
    try:
        return Secret(_kept(cluster_dir(cluster), create=create), RAY_TOKEN)
    except (OSError, UnicodeDecodeError, NoHome) as error:
        if not create:
            return Secret(_fresh(), RAY_TOKEN)
        if isinstance(error, NoHome):
            raise
        where, why = cluster_dir(cluster), getattr(error, "strerror", None) or str(error)
        why = why if isinstance(error, NotPrivate) else why.lower()
        raise ProvisionError(f"the token of `{cluster}` cannot be kept in `{where}`: {why}", hint=MOVE) from error


def _kept(folder: Path, *, create: bool) -> str:
    """Raises OSError; without `create` FileNotFoundError if there is none."""
    path = folder / "ray-token"
    require_ours(path)
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        if not create:
            raise
    private_folder(folder)
    token = _fresh()
    try:
        # Exclusively: of two runs that begin together, the second takes the first one's token.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _kept(folder, create=False)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(token)
    except OSError:
        # A full disk must not leave an empty token, which the next run would take.
        path.unlink()
        raise
    return token


def _fresh() -> str:
    return secrets.token_hex(32)
