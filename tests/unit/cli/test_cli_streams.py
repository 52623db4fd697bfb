"""Standard input, output and error as they may be. A process each, since this is about descriptors."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from provision.cli.page import COMMANDS

INVENTORY = "{cluster: llama, hosts: {gpu-01: {address: 127.0.0.1, role: head, ssh: {port: 1, user: root}}}}\n"
CLOSED = "error: standard output is closed\n"
NOTHING_DONE = "error: standard output is closed: nothing was done"
FULL = "error: standard output cannot be written: no space left on device\n"
PROVISION = f'{shlex.quote(sys.executable)} -c "from provision.cli import main; main()"'

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


def shell(command: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """`command`, in which `provision` is ours, in bash."""
    names = {name: value for name, value in os.environ.items() if name != "PROVISION_INVENTORY"}
    return subprocess.run(
        ["bash", "-c", f'provision() {{ {PROVISION} "$@"; }}\n{command}'],
        cwd=folder,
        env={**names, "PROVISION_STATE_DIR": str(folder / "state"), **more},
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=60,
        check=False,
    )


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    return tmp_path


@pytest.mark.parametrize("arguments", ["--version", "--help", "-h", "", "schema", "plan --help", "lab up --help"])
def test_closed_output_is_one_line_and_a_failure(here: Path, arguments: str) -> None:
    done = shell(f"provision {arguments} >&-", here)
    assert (done.returncode, done.stderr) == (1, CLOSED)


@pytest.mark.parametrize(
    "arguments", ["plan", "up", "check --json", "down", "trust", "lock", "lab status", "init new.yaml"]
)
def test_with_closed_output_nothing_is_begun(here: Path, arguments: str) -> None:
    done = shell(f"provision {arguments} >&-", here)
    assert done.returncode == 1
    assert done.stderr.startswith(NOTHING_DONE)
    assert done.stderr.count("\n") == 1
    assert [path.name for path in here.iterdir()] == ["inventory.yaml"]


def test_a_quiet_command_needs_no_output(here: Path) -> None:
    done = shell("provision plan -q >&-", here)
    assert done.returncode == 4
    assert "standard output" not in done.stderr


@needs_full
@pytest.mark.parametrize("arguments", ["--version", "--help", "schema", *(f"{name} --help" for name in COMMANDS)])
def test_a_full_disk_under_the_output_is_one_line_and_a_failure(here: Path, arguments: str) -> None:
    done = shell(f"provision {arguments} >/dev/full", here)
    assert (done.returncode, done.stderr) == (1, FULL)


@needs_full
@pytest.mark.parametrize("command", ["plan", "check", "up --json"])
def test_a_run_goes_on_to_its_end_when_its_output_is_full(here: Path, command: str) -> None:
    done = shell(f"provision {command} >/dev/full", here)
    assert done.returncode == 1
    assert done.stderr.endswith(FULL)
    assert "nothing listens on port 1" in done.stderr or "--json" in command
    (log,) = (here / "state" / "llama" / "logs").iterdir()
    assert "Traceback" not in done.stderr
    assert "no space left" not in log.read_text().lower()


@pytest.mark.parametrize("arguments", ["--help", "schema", "plan --help", "plan"])
def test_a_reader_that_has_enough_is_no_error(here: Path, arguments: str) -> None:
    """The reader is gone before the first word."""
    done = shell(f"{{ sleep 1; provision {arguments}; echo code=$? >&2; }} | true", here)
    assert "standard output" not in done.stderr
    assert "Broken" not in done.stderr
    assert done.stderr.endswith(f"code={4 if arguments == 'plan' else 0}\n")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("plan 2>&-", 4),
        ("plan 2>/dev/full", 4),
        ("plan nosuch.yaml 2>&-", 2),
        ("plan nosuch.yaml 2>/dev/full", 2),
        ("frobnicate 2>&-", 2),
        ("frobnicate 2>/dev/full", 2),
        ("plan >&- 2>&- <&-", 1),
        ("plan -q >&- 2>&- <&-", 4),
        ("--version >&- 2>&-", 1),
        ("--version >/dev/full 2>/dev/full", 1),
        ("--version 2>&-", 0),
    ],
)
def test_the_exit_code_holds_where_nothing_can_be_said(here: Path, command: str, code: int) -> None:
    done = shell(f"provision {command}; echo $? >code", here)
    assert int((here / "code").read_text()) == code
    assert "Traceback" not in done.stdout + done.stderr


def test_no_log_and_no_connection_takes_the_place_of_a_closed_stream(here: Path) -> None:
    """The lowest free number is what the next file gets; words for standard error would be written into it."""
    shell("provision plan -q >&- 2>&- <&-", here)
    (log,) = (here / "state" / "llama" / "logs").iterdir()
    assert "error: " in log.read_text()
    assert [line for line in log.read_text().splitlines() if not line.startswith("20")] == []


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("plan --ask-sudo-password <&-", 2, "--ask-sudo-password got no password"),
        ("plan --ask-sudo-password </dev/null", 2, "--ask-sudo-password got no password"),
        (r"plan --ask-sudo-password < <(printf '\xff\n')", 2, "--ask-sudo-password: standard input cannot be read"),
        ("trust <&-", 4, "nothing listens on port 1"),
    ],
)
def test_input_that_is_not_there(here: Path, command: str, code: int, said: str) -> None:
    done = shell(f"provision {command}", here, LC_ALL="C.UTF-8")
    assert done.returncode == code
    assert said in done.stderr


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize("more", [ASCII, {**ASCII, "PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "ascii:strict"}])
@pytest.mark.parametrize("arguments", ["plan", "schema", "check --help", "plan schlüssel.yaml", "plan $'\\xff.yaml'"])
def test_a_locale_that_cannot_show_it_gets_a_question_mark(here: Path, arguments: str, more: dict[str, str]) -> None:
    done = shell(f"provision {arguments}", here, **more)
    assert done.returncode == (4 if arguments == "plan" else 2 if ".yaml" in arguments else 0)
    assert (done.stdout + done.stderr).isascii()
    assert "bug:" not in done.stderr


@pytest.mark.parametrize("term", ["", "no answer", "no-such-terminal"])
def test_any_terminal_or_none(here: Path, term: str) -> None:
    done = shell("provision plan", here, TERM=term)
    assert (done.returncode, "\x1b" in done.stdout) == (4, False)


FOLLOWED = """
import sys
from provision.operate import logs
from provision.operate.log_lines import LogLine

def follow(loaded, asked, heard, *, cancel, **_):
    for _ in range(1000):
        heard([LogLine("gpu-01", "vllm", "/srv/log", "INFO ready", 1.0, "info")])
        if cancel.is_set():
            sys.stderr.write("ended\\n")
            return

logs.follow = follow
from provision.cli import main
main()
"""


@pytest.mark.parametrize("more", ["", "--json"])
def test_who_follows_logs_ends_when_nobody_reads_them_any_more(here: Path, more: str) -> None:
    (here / "followed.py").write_text(FOLLOWED)
    run = f"{shlex.quote(sys.executable)} followed.py logs -f {more}"
    done = shell(f"set -o pipefail; {run} | head -n 1", here)
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "ended\n", 1)


INTERRUPTED = """
import importlib.abc, signal, sys

class AsItIsLoaded(importlib.abc.MetaPathFinder):
    def find_spec(self, name, *_):
        if name == "provision.cli.group":
            sys.meta_path.remove(self)
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, AsItIsLoaded())
from provision.cli import main
main()
"""


@pytest.mark.parametrize(("more", "events"), [("", []), ("--json", [("error", "Cancelled", 130)])])
def test_ctrl_c_while_modules_are_loaded_is_told_as_later(
    here: Path, more: str, events: list[tuple[str, str, int]]
) -> None:
    (here / "interrupted.py").write_text(INTERRUPTED)
    done = shell(f"{shlex.quote(sys.executable)} interrupted.py check {more}", here)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (130, "stopped\n")
    assert [(line["event"], line["error"]["kind"], line["exit_code"]) for line in told] == events
