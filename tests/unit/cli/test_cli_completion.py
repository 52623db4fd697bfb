"""What shells complete: real ones, asked as a person asks them, with the Tab key."""

import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import Result

from provision.cli.group import provision

INVENTORY = """\
cluster: llama
hosts:
  gpu-01: {address: 192.0.2.1, role: head}
  gpu-02: 192.0.2.2
  lonely: 192.0.2.3
groups:
  rack-a: {hosts: [gpu-01, gpu-02]}
serve: {model: org/tiny}
"""

Offer = Callable[[str], list[str]]


@pytest.fixture
def offer(folder: Path) -> Offer:
    """What is offered for the last word of a line; `<file>` and `<dir>` where the shell is to look for those."""
    (folder / "rack.yaml").write_text(INVENTORY)

    def offered(line: str) -> list[str]:
        *words, incomplete = line.split(" ")
        found = ShellComplete(provision, {}, "provision", "_PROVISION_COMPLETE").get_completions(words, incomplete)
        return [item.value if item.type == "plain" else f"<{item.type}>" for item in found]

    return offered


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("ch", ["check"]),
        ("ssh rack.yaml gpu-", ["gpu-01", "gpu-02"]),
        ("ssh rack.yaml gpu-01 ", []),
        ("ssh ra", ["rack.yaml"]),
        ("env rack.yaml l", ["lonely"]),
        ("logs rack.yaml ", ["gpu-01", "gpu-02", "lonely", "ray", "vllm"]),
        ("logs rack.yaml gpu-01 gpu", ["gpu-02"]),
        ("restart rack.yaml v", ["vllm"]),
        ("up rack.yaml --limit gpu-01,l", ["gpu-01,lonely"]),
        ("up rack.yaml --limit r", ["rack-a"]),
        ("firewall rack.yaml --limit h", ["head"]),
        ("trust rack.yaml --limit lo", ["lonely"]),
        ("up rack.yaml --skip n", ["network"]),
        ("init --example off", ["offline-rack"]),
        ("help ch", ["check"]),
        ("completion z", ["zsh"]),
        ("plan nothing-here", ["<file>"]),
        ("plan --nothing --lim", ["--limit"]),
        ("nonsense x", []),
    ],
)
def test_what_is_offered(offer: Offer, line: str, offered: list[str]) -> None:
    assert offer(line) == offered


def test_without_a_file_in_the_line_the_usual_inventory_counts(offer: Offer, folder: Path) -> None:
    (folder / "rack.yaml").rename(folder / "inventory.yaml")
    assert offer("up --limit lo") == ["lonely"]
    assert offer("fit org") == ["org/tiny"]
    assert offer("fit x") == ["<dir>"]


@pytest.mark.parametrize("text", ["hosts: [", "", "cluster: x\nhosts: {'$(id)': , 'a;b': , fine: {role: head}}\n"])
def test_nothing_in_an_inventory_breaks_it_or_reaches_the_line(offer: Offer, folder: Path, text: str) -> None:
    (folder / "rack.yaml").write_text(text)
    assert offer("up rack.yaml --limit ") in ([], ["fine", "head", "worker"])


def test_no_host_is_contacted_and_no_secret_is_read(
    offer: Offer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "rack.yaml").write_text(INVENTORY + "secrets: {HF_TOKEN: {command: touch ran}}\n")
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("connects"))
    assert offer("up rack.yaml --limit lo") == ["lonely"]
    assert not (folder / "ran").exists()


def typed(shell: list[str], setup: str, line: str, folder: Path) -> str:
    """What has become of `line` once Tab was pressed behind it."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TERM": "dumb",
        "HOME": str(folder),
        "PS1": "ready> ",
    }
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execvpe(shell[0], shell, environment)
    try:
        said = _until(terminal, "ready> ")
        # The words are apart, so that what the terminal echoes is not what is waited for.
        os.write(terminal, f"{setup}; echo set''tled\n".encode())
        said = _until(terminal, "settled\r\n", said).partition("settled\r\n")[2]
        said = _until(terminal, "ready> ", said)
        os.write(terminal, f"{line}\t".encode())
        said = _until(terminal, "lonely", said)
        os.write(terminal, b"\x01echo result: \n")
        said = _until(terminal, "\nresult: ", said)
        return _until(terminal, "\n", said.rpartition("\nresult: ")[2]).partition("\n")[0].strip()
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(terminal)


def _until(terminal: int, wanted: str, said: str = "") -> str:
    end = time.monotonic() + 60
    while wanted not in said:
        ready, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"not said: {wanted!r}; said: {said!r}"
        said += os.read(terminal, 4096).decode(errors="replace")
    return said


SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(provision completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -U compinit; compinit -D -u; eval "$(provision completion zsh)"'),
}


@pytest.mark.parametrize(
    "shell", [pytest.param(name, marks=pytest.mark.needs(name)) for name in SHELLS], ids=list(SHELLS)
)
def test_in_a_real_shell_tab_completes_a_host(shell: str, folder: Path) -> None:
    (folder / "rack.yaml").write_text(INVENTORY)
    command, setup = SHELLS[shell]
    assert typed(command, setup, "provision ssh rack.yaml lo", folder) == "provision ssh rack.yaml lonely"


@pytest.mark.needs("fish")
def test_in_fish_hosts_and_commands_are_completed(folder: Path) -> None:
    (folder / "rack.yaml").write_text(INVENTORY)
    script = (
        "provision completion fish | source; complete -C 'provision ssh rack.yaml gpu-'; complete -C 'provision che'"
    )
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)}
    done = subprocess.run(
        ["fish", "--no-config", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["gpu-01", "gpu-02", "check"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_is_printed_without_starting_a_program(
    call: Callable[..., Result], shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("starts a program"))
    result = call("completion", shell)
    assert result.exit_code == 0
    assert "_PROVISION_COMPLETE" in result.output
    assert click.unstyle(result.output) == result.output


def test_another_shell_is_wrong_usage(call: Callable[..., Result]) -> None:
    assert call("completion", "tcsh").exit_code == 2


def test_what_the_document_has_people_type(folder: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "command-line.md").read_text()
    commands = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(folder)}
    subprocess.run(["sh", "-ec", commands], cwd=folder, env=environment, check=True, capture_output=True)
    assert (folder / "provision.1").read_text().startswith(".TH PROVISION 1")
    kept = [path.relative_to(folder).as_posix() for path in folder.rglob(".*/**/*provision*") if path.is_file()]
    assert len(set(kept)) == 3
