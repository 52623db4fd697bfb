"""Ray's token is named to no program, and no service counts as ready, while somebody else holds the head's port."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provision.payload.bundle import shell
from provision.resources.service import LIBRARY

MARK = "gpus/gpu-01/ray"
SERVER = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"

#: The head lives for as many looks at it.
SHORT_LIFE = "looks=0; alive() { looks=$((looks + 1)); [ $looks -lt 4 ]; }"

Begin = Callable[[str], tuple[int, str]]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """`begin(mark)`: a process that listens; its port and pid."""
    begun = []

    def start(mark: str) -> tuple[int, str]:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", SERVER],
            env={**os.environ, "PROVISION_SERVICE": mark},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        begun.append(process)
        assert process.stdout is not None
        return int(process.stdout.readline()), str(process.pid)

    yield start
    for process in begun:
        process.communicate("\n")


def run(tmp_path: Path, file: str, pid: str, port: int, before: str = "") -> subprocess.CompletedProcess[str]:
    """The script of a Ray head whose main process is `pid`, with a program that only says what it was given."""
    folder = tmp_path / "ray"
    folder.mkdir(mode=0o700)
    start = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[19]
    (folder / "stamp").write_text(f"pid={pid}\nstart={start}\n")
    (folder / "stamp").chmod(0o600)
    (folder / "log").write_text("Ray runtime started.\n")
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\necho "shown $RAY_AUTH_TOKEN_PATH to $RAY_ADDRESS"\n')
    program.chmod(0o755)
    variables = {
        "dir": str(folder), "mark": MARK, "runtimes": "", "user": "", "python": str(program), "program": "",
        "token_file": "/the/token", "address": f"127.0.0.1:{port}", "port": str(port), "expected": "", "others": "",
        "seconds": "1", "node_ip": "127.0.0.1", "nodes": "",
    }  # fmt: skip
    if file == "ray/ready.sh":
        variables["address"] = "127.0.0.1"
    text = f"{shell(*LIBRARY, 'listener.sh')}\nread_stamp\n{before}\n{shell(file)}\necho through"
    environment = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(["sh", "-c", text], env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_barrier_names_the_token_where_the_head_listens(begin: Begin, tmp_path: Path) -> None:
    port, pid = begin(MARK)
    done = run(tmp_path, "ray/members.sh", pid, port)
    assert done.stdout.split("\n")[0] == f"shown /the/token to 127.0.0.1:{port}", done.stderr


@pytest.mark.parametrize("mark", ["", "gpus/gpu-02/ray", "gpus/gpu-01/vllm"])
def test_the_barrier_names_it_to_nobody_while_another_process_has_the_port(
    mark: str, begin: Begin, tmp_path: Path
) -> None:
    _, pid = begin(MARK)
    port, _ = begin(mark)
    done = run(tmp_path, "ray/members.sh", pid, port)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"127.0.0.1:{port} is open, but not by the Ray head that was started" in done.stderr


def test_a_head_is_ready_once_it_has_its_port_itself(begin: Begin, tmp_path: Path) -> None:
    port, pid = begin(MARK)
    assert "through" in run(tmp_path, "ray/ready.sh", pid, port).stdout


def test_a_head_is_not_ready_while_another_process_has_its_port(begin: Begin, tmp_path: Path) -> None:
    _, pid = begin(MARK)
    port, _ = begin("")
    done = run(tmp_path, "ray/ready.sh", pid, port, before=SHORT_LIFE)
    assert "through" not in done.stdout
    assert "Ray ended while it was starting" in done.stderr
