"""Whether a folder on this machine has all of a model's weights: a clone without git-lfs has pointers in their place, a
download that was broken off lacks parts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from provision.core.reading import open_kept
from provision.weights.files import loaded, missing

#: How a pointer begins, and what it has at most (git-lfs, docs/spec.md).
_BEGIN, _MOST = b"version https://git-lfs.github.com/spec/", 1024


def pointer_in(folder: Path, sizes: Mapping[str, int]) -> str:
    """The first file with weights that is a pointer of git-lfs; empty if there is none. `sizes`: of its files."""
    for name in loaded(sizes):
        if sizes[name] < _MOST:
            with suppress(OSError), open_kept(folder / name) as file:
                if file.read(len(_BEGIN)) == _BEGIN:
                    return name
    return ""


def lacking(folder: Path, sizes: Mapping[str, int]) -> tuple[str, str]:
    """(why no server can load the weights there, what to do), empty if nothing is known against it."""
    if gone := missing(loaded(sizes)):
        more = f", and {len(gone) - 1} more parts of the weights" if len(gone) > 1 else ", a part of the weights"
        return f"`{folder}` has no `{gone[0]}`{more}", "download them again: what is there already need not come again"
    if name := pointer_in(folder, sizes):
        said = f"`{folder / name}` is a pointer of git-lfs, not the weights themselves"
        return said, "install git-lfs there, and run `git lfs pull` in that folder"
    return "", ""
