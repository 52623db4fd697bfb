"""Where tests are skipped, and where that is not good enough: tests/machine.py and tests/conftest.py."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import machine
import pytest

from provision.core.errors import NoHome

TESTS = Path(__file__).parents[2]
WHOLE = "import pytest\n\npytest.importorskip('no_such_module', reason='lacks it')\n"
ONE = "import pytest\n\n\n@pytest.mark.skip(reason='lacks it')\ndef test_nothing(): ...\n"


@pytest.mark.parametrize(("ci", "code"), [("1", 1), ("true", 1), ("", 0), ("0", 0), ("false", 0)])
def test_what_is_skipped_fails_in_ci_and_nowhere_else(tmp_path: Path, ci: str, code: int) -> None:
    for name in ("conftest.py", "machine.py"):
        shutil.copy(TESTS / name, tmp_path)
    for name, text in (("one", ONE), ("whole", WHOLE)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"test_{name}.py").write_text(text)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", folder]
        env = {**os.environ, "CI": ci, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        # pytest's own codes: 5 where a run collected no test at all, 2 where collecting failed.
        assert done.returncode == {"one": code, "whole": 2 if code else 5}[name], done.stdout + done.stderr
        assert ("skipped in CI: " in done.stdout) == bool(code)


def test_labs_of_tests_have_a_place_without_a_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nowhere() -> Path:
        raise NoHome("there is none")

    monkeypatch.setattr(machine, "default_root", nowhere)
    monkeypatch.setenv(machine.VARIABLE, str(tmp_path / "mine"))
    assert machine.own_labs() == tmp_path / "mine" / str(os.getpid())
    monkeypatch.delenv(machine.VARIABLE)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert machine.own_labs().is_relative_to(tmp_path)


def test_a_user_whom_passwd_does_not_have_lacks_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    for need in ("passwd", "loopback lab"):
        assert "uid 12345 has no entry in passwd" in machine.lacks.__wrapped__(need)
