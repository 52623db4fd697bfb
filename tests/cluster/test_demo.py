"""The README's first command, as a person runs it: on lab hosts as root, and on loopback hosts."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import PROVISION

from provision.lab.lab import Lab
from provision.lab.tiny_model import ANSWER

#: Somebody else's demo may be at work on this machine.
NAME = f"demo-{os.getpid()}"


def traces() -> list[str]:
    """Whatever on this machine carries the mark of the demo's lab, or of the services that ran on it."""
    lab = Lab(name=NAME)
    place = str(lab.directory)
    found = [f"process {name}: {text}" for name, text in processes() if f"={NAME}/lab-" in text or place in text]
    for command in (
        ["ip", "netns", "list"],
        ["ip", "-o", "link"],
        ["iptables", "-S"],
        ["mount"],
        ["ls", "/sys/fs/cgroup"],
    ):
        if shutil.which(command[0]) is None:  # who has no `ip` has made nothing with it
            continue
        listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
        found += [line for line in listed if lab.tag in line or place in line]
    return found + [str(lab.directory)] * lab.directory.exists()


def processes() -> Iterator[tuple[str, str]]:
    """(pid, command line and environment) of every process."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield folder.name, (folder / "cmdline").read_text() + (folder / "environ").read_text(errors="replace")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="lab hosts", marks=pytest.mark.needs("lab")),
        pytest.param(["--rootless"], id="loopback hosts", marks=[pytest.mark.needs("loopback lab"), pytest.mark.long]),
        pytest.param(["--runtime", "docker"], id="docker", marks=[pytest.mark.needs("lab"), pytest.mark.long]),
        pytest.param(["--runtime", "podman"], id="podman", marks=[pytest.mark.needs("lab"), pytest.mark.long]),
    ],
)
def test_one_command_does_the_whole_job_and_leaves_nothing(options: list[str], state_dir: Path) -> None:
    run = subprocess.run(
        [PROVISION, "demo", "--name", NAME, *options],
        env={**os.environ, "PROVISION_STATE_DIR": str(state_dir)},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "Ray counts 2 of 2 nodes and 2 of 2 GPUs" in run.stdout
    for host in ("lab-1", "lab-2"):
        assert re.search(rf"{host} +ranks of the model that run here: 1 of 1", run.stdout)
    assert f"  < {ANSWER}" in run.stdout
    assert "nothing to change (2 hosts" in run.stdout
    assert "in sync (2 hosts" in run.stdout
    assert traces() == []
