"""An inventory in a folder of its own, a home without keys, and an environment without secrets."""

from pathlib import Path
from textwrap import dedent

import pytest

from provision.core.errors import InventoryError, Problem
from provision.inventory import load


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    return home


@pytest.fixture
def write(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "inventory.yaml"
        path.write_text(dedent(text).lstrip("\n"))
        return path

    return write


@pytest.fixture
def read(write):
    """Loads an inventory from its text."""

    def read(text: str, **options):
        return load(write(text), **options)

    return read


@pytest.fixture
def problems(write):
    """What is wrong with an inventory, in the order of the file; nothing if it loads."""

    def problems(text: str, **options) -> list[Problem]:
        try:
            load(write(text), **options)
        except InventoryError as error:
            return list(error.problems)
        return []

    return problems


@pytest.fixture
def problem(problems):
    """The only thing that is wrong: ("line:column", key path, message, hint)."""

    def problem(text: str, **options) -> tuple[str, str, str, str]:
        found = problems(text, **options)
        assert len(found) == 1, "\n".join(str(p) for p in found) or "it loads"
        (one,) = found
        return f"{one.line}:{one.column}", one.path, one.message, one.hint

    return problem
