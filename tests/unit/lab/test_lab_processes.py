"""Which processes are a lab's, and what its programs find in their environment."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from provision.lab import command, processes
from provision.lab.state import MARK

#: It says when it is there: Popen returns while the kernel has yet to lay out the new program's environment.
WAIT = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"]


def test_a_pid_that_was_written_down_is_the_labs_with_all_that_descends_from_it(tmp_path: Path) -> None:
    script = "import subprocess; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        below = int(started.stdout.readline())
        try:
            assert processes.marked([str(tmp_path)]) == []
            found = processes.marked([str(tmp_path)], known=[started.pid])
            assert [pid for pid, _ in found] == [started.pid, below]
        finally:
            for pid in (below, started.pid):
                os.kill(pid, 9)


def test_a_mark_of_any_letters_is_found(tmp_path: Path) -> None:
    place = str(tmp_path / "häuser")
    environment = {MARK: place, "PATH": os.environ["PATH"]}
    with subprocess.Popen(WAIT, env=environment, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None and started.stdout.readline()
        try:
            assert [pid for pid, _ in processes.marked([place])] == [started.pid]
        finally:
            started.kill()


def test_programs_of_the_system_are_found_where_path_has_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/sbin:/bin")
    print_path = ["/bin/sh", "-c", "echo $PATH"]
    assert command.run(print_path).stdout == "/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/sbin\n"
    assert command.run(print_path, env={"PATH": "/x"}).stdout == "/x:/usr/local/sbin:/usr/sbin:/sbin\n"


def test_a_program_that_is_in_sbin_alone_is_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "only-here").write_text("#!/bin/sh\necho ran\n")
    (tmp_path / "only-here").chmod(0o755)
    monkeypatch.setattr(command, "SYSTEM", (str(tmp_path),))
    assert command.run(["only-here"]).stdout == "ran\n"
