"""Python as most people have it: it keeps a compiled copy of what it imports, unless somebody has told it not to."""

import sys

import pytest


def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, in this process and in those that it starts; some machines set the variable that hides it."""
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
