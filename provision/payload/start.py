"""The beginning of every program that is sent to a host: its modules are imported from their texts, which follow it.

It is put there by bundle.py, so the oldest Python of all must understand it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader


class Loader(SourceFileLoader):
    """Of one module. A traceback names its file, as it is called here, and the line."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(name, name.replace(".", "/") + ".py")
        self._text = text

    def get_data(self, path: str) -> bytes:
        return self._text.encode()

    def path_stats(self, path: str) -> Mapping[str, float]:
        raise OSError("never a file, and so without bytecode beside it")


class Finder:
    """`texts`: module name → source. Asked before all others, so that nothing of the host's takes the place of ours."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._packages = {name[:end] for name in texts for end, character in enumerate(name) if character == "."}

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name in self._packages:
            return ModuleSpec(name, Loader(name, ""), is_package=True)
        return ModuleSpec(name, Loader(name, self._texts[name])) if name in self._texts else None


def start(texts: Mapping[str, str], entry: str) -> None:
    """Runs a program. `entry`: the module and its function, as `provision.payload.ask:main`."""
    module, _, function = entry.partition(":")
    sys.meta_path.insert(0, Finder(texts))
    getattr(import_module(module), function)()
