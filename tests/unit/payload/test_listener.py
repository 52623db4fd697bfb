"""Whose a port is: in Python and in shell, which must agree."""

import os
import pwd
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provision.payload import listener
from provision.payload.bundle import shell

MARK = "gpus/gpu-01/vllm"
SERVER = """
import socket, sys
sock = socket.create_server((sys.argv[1], 0), family=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET)
print(sock.getsockname()[1], flush=True)
sys.stdin.read()
"""
#: With sudo, a process of the service is another user's than the one who looks.
NOBODY = 65534

Listen = Callable[..., tuple[int, str]]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """`listen(address, mark=…, user=…)`: a process that listens there; its port and pid."""
    begun = []

    def begin(address: str, mark: str = MARK, user: "int | None" = None) -> tuple[int, str]:
        process = subprocess.Popen(
            # What pyenv or a home folder has, another user may not run.
            [sys.executable if user is None else "/usr/bin/python3", "-I", "-S", "-c", SERVER, address],
            env={**os.environ, "PROVISION_SERVICE": mark},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
        begun.append(process)
        assert process.stdout is not None
        return int(process.stdout.readline()), str(process.pid)

    yield begin
    for process in begun:
        process.communicate("")


def ours(address: str, port: int, pid: str) -> bool:
    """As both say it."""
    text = shell("users.sh", "service/library.sh", "listener.sh") + '\nours_listens "$address" "$port"'
    user = str(Path("/proc", pid).stat().st_uid) if Path("/proc", pid, "stat").exists() and pid else ""
    variables = {"mark": MARK, "pid": pid, "user": user, "address": address, "port": str(port), "PATH": os.defpath}
    in_shell = subprocess.run(["sh", "-c", text], env=variables, capture_output=True, text=True, check=False)
    assert in_shell.stderr == ""
    try:
        listener.require(address, port, MARK, pid)
    except listener.NotOurs:
        in_python = False
    else:
        in_python = True
    assert in_python == (in_shell.returncode == 0)
    return in_python


@pytest.mark.parametrize(
    ("address", "asked"), [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("::1", "::1")]
)
def test_a_process_with_the_mark_is_ours_wherever_it_listens(address: str, asked: str, listen: Listen) -> None:
    port, pid = listen(address)
    assert ours(asked, port, pid)


def test_nobody_is_not_ours(listen: Listen) -> None:
    _, pid = listen("127.0.0.1")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and does not listen
        assert not ours("127.0.0.1", bound.getsockname()[1], pid)


def test_another_process_is_not_ours_and_neither_is_another_services(listen: Listen) -> None:
    _, pid = listen("127.0.0.1")
    assert not ours("127.0.0.1", listen("127.0.0.1", "gpus/gpu-01/vllm-2")[0], pid)
    assert not ours("127.0.0.1", listen("0.0.0.0", "")[0], pid)


def test_one_at_another_address_takes_nothing_away(listen: Listen) -> None:
    """To the address itself a connection goes, whoever listens at all of them."""
    port, pid = listen("127.0.0.1")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.2", port))
        other.listen()
        assert ours("127.0.0.1", port, pid)
        assert not ours("127.0.0.2", port, pid)
        # Whichever a name stands for: all of them would have to be ours.
        assert not ours("some-name", port, pid)


@pytest.mark.needs("root")
def test_a_mark_that_another_user_has_put_on_is_not_ours(listen: Listen) -> None:
    _, pid = listen("127.0.0.1")
    port, _ = listen("127.0.0.1", user=NOBODY)
    assert not ours("127.0.0.1", port, pid)
    # With sudo, root looks at the service of a user, where it may.
    port, pid = listen("127.0.0.1", user=NOBODY)
    if _looks_into_all():
        assert ours("127.0.0.1", port, pid)
    # In many containers it may not look into the processes of others; as that user it may.
    text = shell("users.sh", "service/library.sh", "listener.sh") + '\nours_listens "$address" "$port"'
    variables = {"mark": MARK, "pid": pid, "user": pwd.getpwuid(NOBODY).pw_name, "PATH": os.environ["PATH"]}
    variables |= {"address": "127.0.0.1", "port": str(port)}
    without = ["setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace", "sh", "-c", text]
    assert subprocess.run(without, env=variables, check=False).returncode == 0
    assert subprocess.run(without, env={**variables, "user": ""}, check=False).returncode == 1


def _looks_into_all() -> bool:
    """Whether this process has CAP_SYS_PTRACE, 19 of linux/capability.h."""
    held = re.search(r"^CapEff:\s*(\w+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    return held is not None and bool(int(held[1], 16) >> 19 & 1)


def test_without_a_main_process_nobody_is_ours(listen: Listen) -> None:
    port, _ = listen("127.0.0.1")
    assert not ours("127.0.0.1", port, "4194305")
    assert not ours("127.0.0.1", port, "")


def test_the_same_listeners_are_told_by_the_same_words_and_others_by_others(listen: Listen) -> None:
    port, pid = listen("127.0.0.1")
    first = listener.require("127.0.0.1", port, MARK, pid)
    assert first == listener.require("127.0.0.1", port, MARK, pid)
    other, of = listen("127.0.0.1")
    assert first != listener.require("127.0.0.1", other, MARK, of)
