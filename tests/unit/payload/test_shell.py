"""Every file of shell is what it seems to be: POSIX sh, to sh, to dash and to shellcheck."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import provision

ROOT = Path(provision.__file__).parent
FILES = sorted(ROOT.rglob("*.sh"))

RULES = Path(__file__).parents[3] / "provision/payload/.shellcheckrc"


def shellcheck(path: Path) -> str:
    """What it has to say of a file; the folder's .shellcheckrc, which is not installed, holds for all of them."""
    program = Path(sys.executable).with_name("shellcheck")
    command = str(program) if program.exists() else shutil.which("shellcheck")
    assert command, "shellcheck is missing: pip install -e '.[test]'"
    done = subprocess.run(
        [command, f"--rcfile={RULES}", "--shell=sh", "--format=gcc", path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_shells_and_shellcheck_take_it(path: Path) -> None:
    assert not shellcheck(path)
    for shell in ("sh", "dash", "bash"):
        if found := shutil.which(shell):
            done = subprocess.run([found, "-n", path], capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, ""), f"{shell}: {done.stderr}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_says_what_it_is_and_why_a_rule_is_off(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# " if path.is_relative_to(ROOT / "payload") else "#!")
    for line in lines:
        if "shellcheck disable=" in line:
            assert " # " in line.partition("disable=")[2], f"{line}: says no reason"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[[ $a == b ]]", "SC3010"),
        ('rm -rf -- $(cat "$a")', "SC2046"),
        ("local a=1", "SC3043"),
        ("echo $undone", "SC2086"),
        ("if true; then", "SC1072"),
    ],
)
def test_a_mistake_is_found(text: str, code: str, tmp_path: Path) -> None:
    file = tmp_path / "a.sh"
    file.write_text(f"# A made-up one.\n\n{text}\n")
    assert f"[{code}]" in shellcheck(file)
