"""Writing a file whole or not at all: a reader sees the old one or the new one, never half of it."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """A link stays a link, a mode stays; what is no ordinary file (/dev/stdout) is written to directly. Raises
    OSError."""
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8", errors="replace")
        return
    target = path.resolve()
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        fresh.write_text(text, encoding="utf-8", errors="replace")
        if target.exists():
            fresh.chmod(target.stat().st_mode & 0o777)
        fresh.replace(target)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise


def obstacle(path: Path) -> tuple[str, str]:
    """(why `path` cannot become a file, what to do): said before an hour's work, not after it. Empty if it can."""
    try:
        return _obstacle(path)
    except OSError as error:  # a folder on the way that may not be entered, a name that is too long
        return f"`{path}` cannot be accessed: {(error.strerror or str(error)).lower()}", ""


def _obstacle(path: Path) -> tuple[str, str]:
    folder = path.parent
    if path.is_dir():
        return f"`{path}` is a folder", "name a file"
    if not folder.is_dir():
        return f"there is no folder `{folder}`", f"make it first: mkdir -p {folder}"
    if not path.exists() and not os.access(folder, os.W_OK | os.X_OK):
        return f"the folder `{folder}` may not be written to", ""
    return "", ""
