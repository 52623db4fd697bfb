"""paramiko without what it loads for a single line of an ssh_config.

For `Match exec` it imports invoke, and that asyncio, unittest and a YAML of its own: a hundred modules, in each command
that connects to a host. They are loaded when such a line is met. Importing this is what does it, so it comes before all
that imports paramiko.
"""

from __future__ import annotations

import sys
import threading
from importlib.machinery import ModuleSpec
from typing import Any

_LATE = "invoke"


class _Later:
    """In the place of the module: itself, once something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(__import__(_LATE), name)


class _NotNow:
    """Says that there is none, to the thread that imports paramiko and to no other."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name == _LATE and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{_LATE} is imported when it is needed", name=_LATE)
        return None


def _load() -> None:
    if _LATE in sys.modules or "paramiko" in sys.modules:
        return
    finder: Any = _NotNow()
    sys.meta_path.insert(0, finder)
    try:
        import paramiko.config
    finally:
        sys.meta_path.remove(finder)
    found: Any = paramiko.config
    if found.invoke is None:  # as long as that is how it does it
        found.invoke = _Later()


_load()
