"""Code and programs that no package brought. They are judged only where every RECORD is whole."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator

from provision.payload.records.seal import OURS, Seal, is_frame

CODE = (".py", ".pyc", ".pth", ".so")


def strays(site: str, owned: Collection[str], seal: Seal) -> Iterator[str]:
    folders = {os.path.dirname(path) for path in owned}
    for folder in list(folders):
        while len(folder) > len(site):
            folder = os.path.dirname(folder)
            folders.add(folder)
    for place, inner, files in os.walk(site):
        top = place == site
        for name in sorted(inner):
            path = os.path.join(place, name)
            if name == "__pycache__" or (top and name.endswith(".egg-info")):
                inner.remove(name)
            elif top and name.endswith(".dist-info"):
                inner.remove(name)
                yield from (file for file in _within(path) if file not in owned)
            elif path not in folders:
                inner.remove(name)
                if os.path.islink(path) or any(is_code(f) for _, _, found in os.walk(path) for f in found):
                    yield path
        for name in sorted(files):
            path = os.path.join(place, name)
            if is_code(name) and path not in owned and not (top and name in OURS and seal.made(path)):
                yield path


def _within(package: str) -> Iterator[str]:
    """All files of a `.dist-info`: entry points there name code that others run, also where no package brought them."""
    for place, inner, files in os.walk(package):
        inner.sort()
        yield from (os.path.join(place, name) for name in sorted(files))


def programs(env: str, owned: Collection[str], seal: Seal) -> Iterator[str]:
    """Of `bin`, where whatever lies there is found by its name before the host's own."""
    place = os.path.join(env, "bin")
    for name in sorted(os.listdir(place)) if os.path.isdir(place) else ():
        path = os.path.join(place, name)
        if name != "__pycache__" and path not in owned and not (is_frame(name) and seal.made(path)):
            yield path


def is_code(name: str) -> bool:
    return name.endswith(CODE) or ".so." in name
