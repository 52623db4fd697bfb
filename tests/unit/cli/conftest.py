from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from packaging.version import Version

from provision.cli.group import provision

INVENTORY = """\
cluster: llama
hosts:
  gpu-01: {address: 192.0.2.1, role: head}
  gpu-02: 192.0.2.2
"""


# click 8.1 has to be asked to keep standard error apart, and later ones do not understand the question.
APART: dict = {"mix_stderr": False} if Version(version("click")) < Version("8.2") else {}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, with nothing of the caller's own set-up."""
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.delenv("PROVISION_INVENTORY", raising=False)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.fixture
def inventory(folder: Path) -> Path:
    path = folder / "inventory.yaml"
    path.write_text(INVENTORY)
    return path


@pytest.fixture
def call(folder: Path) -> Callable[..., Result]:
    return lambda *arguments, **options: CliRunner(**APART).invoke(provision, [*arguments], **options)
