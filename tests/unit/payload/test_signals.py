"""A signal goes to the process that was meant or to nobody, however soon its number is somebody else's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.payload import signals
from provision.payload.bundle import bundle, shell

Process = subprocess.Popen[bytes]


@pytest.fixture
def process() -> Iterator[Process]:
    with subprocess.Popen(["sleep", "60"]) as made:
        yield made
        made.kill()


def one(process: Process) -> str:
    return f"{process.pid}:{signals.started(process.pid)}"


@pytest.fixture(params=["by descriptor", "without"])
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without":
        monkeypatch.setattr(signals, "system_calls", lambda: None)


@pytest.mark.usefixtures("_way")
def test_only_the_one_that_was_started_then_gets_it(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    pid, start = one(process).split(":")
    later = str(int(start) + 1)
    monkeypatch.setattr(sys, "argv", ["-", "TERM", f"{pid}:{later}", f"{pid}:", "999999999:1"])
    signals.main()
    assert process.poll() is None
    monkeypatch.setattr(sys, "argv", ["-", "TERM", f"{pid}:{later}", f"{pid}:{start}"])
    signals.main()
    assert process.wait() == -signal.SIGTERM


def test_one_that_ends_between_the_look_and_the_signal_leaves_it_to_nobody(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From then on its number may be anybody's: what is held is the process."""
    start = signals.started(process.pid)

    def look(pid: int) -> str:
        process.kill()
        process.wait()
        monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("by its number"))
        return start

    monkeypatch.setattr(signals, "started", look)
    assert signals.send(process.pid, start, signal.SIGTERM) is False


def test_one_that_nobody_has_asked_how_it_ended_is_gone(process: Process) -> None:
    pid, start = process.pid, signals.started(process.pid)
    process.kill()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert signals.started(pid) == "" and signals.send(pid, start, signal.SIGTERM) is False


@pytest.mark.parametrize("path", [os.defpath, "/nowhere"], ids=["Python", "no Python"])
@pytest.mark.parametrize("sh", ["/bin/dash", "/bin/bash"])
def test_a_host_without_python_compares_the_start_as_well(process: Process, path: str, sh: str) -> None:
    pid, start = one(process).split(":")

    def send(*those: str) -> None:
        command = [sh, "-c", shell("send.sh"), "sh", bundle("signals:main"), "TERM", *those]
        assert subprocess.run(command, env={"PATH": path}, check=True, capture_output=True).stderr == b""

    send(f"{pid}:{int(start) - 1}", "999999999:1")
    assert process.poll() is None
    send("999999999:1", f"{pid}:{start}")
    assert process.wait() == -signal.SIGTERM


@pytest.mark.parametrize("sh", ["dash", "bash"])
def test_numbers_get_the_starts_of_before_and_no_others(sh: str, tmp_path: Path) -> None:
    """A name may look like the rest of the line."""
    (program := tmp_path / "a) S 1 1").symlink_to("/bin/sleep")
    with subprocess.Popen([program, "60"]) as odd:
        body = f'{shell("signals.sh")}\nstarts=$(all_starts)\npaired "$starts" {odd.pid} 999999999\npaired "$starts"'
        done = subprocess.run([sh, "-c", body], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == [one(odd)]
        odd.kill()
