"""The token that every node of a Ray cluster shows to the others: made once per cluster, kept by the controller.

Without one, anyone who reaches Ray's ports runs code on every node. A team shares one controller, or names the
same value under `secrets: {RAY_AUTH_TOKEN: …}` in the inventory.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from provision.core.secret import Secret

#: The token's name among the secrets of an inventory, and in Ray.
RAY_TOKEN = "RAY_AUTH_TOKEN"


def ray_token(folder: Path, *, create: bool) -> Secret:
    """The token kept in `folder`. Without `create`, and with none there yet, one that nothing on a host matches."""
    path = folder / "ray-token"
    try:
        return Secret(path.read_text().strip(), RAY_TOKEN)
    except FileNotFoundError:
        pass
    token = secrets.token_hex(32)
    if create:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            # Exclusively: of two runs that begin together, the second takes the first one's token.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return ray_token(folder, create=False)
        with os.fdopen(descriptor, "w") as file:
            file.write(token)
    return Secret(token, RAY_TOKEN)
