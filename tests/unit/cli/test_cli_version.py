"""`provision --version` says what it knows, and `python -m provision` is the same program."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from provision import __version__
from provision.cli import version


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "provision", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_module_is_the_command() -> None:
    assert python("--help").stdout.startswith("usage: provision ")
    wrong = python("up", "--frobnicate")
    assert wrong.returncode == 2
    assert wrong.stderr == "error: no such option `--frobnicate`\nhint: provision up --help\n"
    assert python("up", "--help").stdout.startswith("Usage: provision up ")


def test_the_version_is_one_line_by_every_way() -> None:
    line = python("--version").stdout
    assert re.fullmatch(rf"provision {re.escape(__version__)}(?: \(commit [0-9a-f]{{10,}}(?:-dirty)?\))?\n", line)
    # Past the short cut of the lone option.
    assert python("--version", "up").stdout == line


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One commit, in the place where this code is looked for."""
    (tmp_path / "file").write_text("1")
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "-q"), ("add", "file"), ("commit", "-q", "-m", "one")):
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True)
    monkeypatch.setattr(version, "_ROOT", tmp_path)
    monkeypatch.setattr(version, "COMMIT", tmp_path / "commit")
    return tmp_path


def head(checkout: Path) -> str:
    words = ["git", "rev-parse", "--short=10", "HEAD"]
    return subprocess.run(words, cwd=checkout, check=True, capture_output=True, text=True).stdout.strip()


def test_a_checkout_is_asked_for_its_commit(checkout: Path) -> None:
    assert version.version_line() == f"provision {__version__} (commit {head(checkout)})"


def test_a_checkout_with_changes_says_so(checkout: Path) -> None:
    (checkout / "file").write_text("2")
    assert version.commit() == f"{head(checkout)}-dirty"


def test_a_hooks_repository_is_not_taken_for_ours(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = head(checkout)
    monkeypatch.setenv("GIT_DIR", str(checkout / "elsewhere"))
    assert version.commit() == ours


def test_what_was_built_tells_what_it_was_built_from(checkout: Path) -> None:
    version.COMMIT.write_text("0123456789\n")
    assert version.commit() == "0123456789"


def test_without_git_nothing_is_claimed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    assert version.version_line() == f"provision {__version__}"


def test_what_lies_inside_of_another_checkout_is_none_of_it(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = checkout / "inner"
    inner.mkdir()
    monkeypatch.setattr(version, "_ROOT", inner)
    assert version.version_line() == f"provision {__version__}"
