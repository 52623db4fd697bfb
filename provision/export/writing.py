"""Writes an export into a folder: one that is new or empty, or that an earlier export has made."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from provision.core.errors import ProvisionError, UsageError
from provision.core.files import write_whole
from provision.export.common import File

#: What an export has put there, a path a line.
LIST = ".exported"


def write(files: Mapping[str, File], folder: Path) -> None:
    """Raises UsageError for a folder with files that are no export's, ProvisionError if it cannot be written."""
    try:
        before = _before(folder)
        for name in sorted(before - files.keys()):
            (folder / name).unlink(missing_ok=True)
        for name, file in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, file.text, mode=0o644)
            path.chmod(0o755 if file.runs else 0o644)
        write_whole(folder / LIST, "".join(f"{name}\n" for name in sorted(files)), mode=0o644)
    except OSError as error:
        raise ProvisionError(f"`{folder}` cannot be written: {(error.strerror or str(error)).lower()}") from error


def _before(folder: Path) -> set[str]:
    """What an earlier export has written there, of it only what lies below the folder."""
    if not folder.exists():
        return set()
    if not folder.is_dir():
        raise UsageError(f"`{folder}` is no folder", hint="name a new folder with `--out`")
    if not any(folder.iterdir()):
        return set()
    try:
        names = (folder / LIST).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        said = f"`{folder}` has files in it that no export has written"
        raise UsageError(said, hint=f"name a new folder: `--out {shlex.quote(f'{folder}-new')}`") from None
    return {name for name in names if name and not os.path.isabs(name) and ".." not in Path(name).parts}  # noqa: PTH117
