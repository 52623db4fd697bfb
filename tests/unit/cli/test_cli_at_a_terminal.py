"""The questions at a real terminal: what is typed, what is not, and a terminal that is closed or resized meanwhile."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

#: The command line itself; of the library, what opens connections is replaced. `changed` is made by what a yes allows.
PROGRAM = """
import sys
from pathlib import Path
from provision import api
from provision.cli.group import provision
from provision.core import events
from provision.core.plan import Mode, make_plan
from provision.core.playbook import Step
from provision.core.report import HostReport, Report
from provision.core.resource import Interruption, Resource
from provision.core.script import Script
from provision.stack.prunable import Leftover


class Server(Resource):
    id = "service:vllm"
    label = "vLLM"
    def probe(self): return Script(":")
    def want(self): return {"v": "1"}
    def fix(self, have, want): return Script(":")
    def interrupted(self, have, differences): return Interruption("vLLM", 34.0, True)


def run(command, mode):
    def called(inventory, **options):
        options["listener"](events.RunStarted("", command, inventory.cluster, ("gpu-01",)))
        step = Step("gpu-01", Server())
        plan = make_plan(Mode.PURGE if options.get("purge") else mode, [step], {step.key: {"v": "0"}})
        options["agree"](plan)
        Path("changed").touch()
        return Report(command, mode, plan, (HostReport("gpu-01", "ok", (), (), 1.0),))
    return called


def prune(*_, remove=False, **__):
    if remove:
        Path("changed").touch()
    return (Leftover("gpu-01", "/opt/provision/envs/0", 4, "half removed"),)


api.up, api.down, api.prune = run("up", Mode.UP), run("down", Mode.DOWN), prune
provision(sys.argv[1:])
"""

#: How a command ends → its exit code, by what is typed: `Ctrl-C` and the like are what the terminal makes of the keys.
TYPED: dict[str, tuple[bytes, int]] = {
    "y": (b"y\n", 0),
    "YES": (b"YES\n", 0),
    "n": (b"n\n", 6),
    "nothing": (b"\n", 6),
    "y, taken back": (b"y\x15n\n", 6),
    "other letters": ("ü\u202e\n".encode(), 6),
    "Ctrl-D": (b"\x04", 6),
    "y, and the end": (b"y\x04\x04", 6),
    "Ctrl-C": (b"\x03", 130),
    "y, and Ctrl-C": (b"y\x03", 130),
}


class Terminal:
    """A command at a terminal of its own."""

    def __init__(self, folder: Path, *command: str) -> None:
        self.ours, theirs = os.openpty()
        self.resize(80)
        self.said = b""

        def take() -> None:
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        environment = {**os.environ, "PROVISION_STATE_DIR": str(folder / "state"), "TERM": "xterm"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *command],
            cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=take,
        )  # fmt: skip
        os.close(theirs)

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def until(self, text: bytes) -> None:
        while text not in self.said:
            assert self._read(), f"it never said {text!r}: {self.said!r}"

    def ended(self) -> int:
        """Its exit code, as a shell has it."""
        while self._read():
            pass
        code = self.process.wait()
        return code if code >= 0 else 128 - code

    def close(self) -> None:
        os.close(self.ours)

    def _read(self) -> bool:
        try:
            more = os.read(self.ours, 4096)
        except OSError:  # nobody has the other end any more
            return False
        self.said += more
        return bool(more)


@pytest.fixture
def at(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[..., Terminal]:
    (tmp_path / "inventory.yaml").write_text("cluster: llama\nhosts:\n  gpu-01: {address: 192.0.2.1}\n")
    tmp_path.chmod(0o700)

    def begin(*command: str) -> Terminal:
        terminal = Terminal(tmp_path, *command)
        request.addfinalizer(terminal.process.kill)
        return terminal

    return begin


#: The rest takes as long as they do, each, and says little more.
SHORT = [
    *(
        ("down --purge", keys)
        for keys in ("y", "nothing", "y, taken back", "Ctrl-D", "y, and the end", "y, and Ctrl-C")
    ),
    *(("prune", keys) for keys in ("y", "other letters", "Ctrl-C")),
]
LONG = [(command, keys) for command in ("down --purge", "prune") for keys in TYPED if (command, keys) not in SHORT]


@pytest.mark.parametrize(("command", "keys"), [*SHORT, *(pytest.param(*one, marks=pytest.mark.long) for one in LONG)])
def test_what_is_typed(at: Callable[..., Terminal], tmp_path: Path, command: str, keys: str) -> None:
    typed, code = TYPED[keys]
    terminal = at(*command.split())
    os.write(terminal.ours, b"y\ny\n")  # before there is a question
    terminal.until(b"[y/N]")
    os.write(terminal.ours, typed)
    assert terminal.ended() == code, terminal.said
    assert (tmp_path / "changed").exists() is (code == 0)
    if code == 6:
        assert b"declined: nothing was" in terminal.said
    assert b"Traceback" not in terminal.said and b"bug" not in terminal.said
    terminal.close()


def test_a_terminal_that_is_resized_asks_on(at: Callable[..., Terminal], tmp_path: Path) -> None:
    terminal = at("up")
    terminal.until(b"go on? [y/N]")
    for columns in (20, 200, 1):
        terminal.resize(columns)
        os.kill(terminal.process.pid, signal.SIGWINCH)
    os.write(terminal.ours, b"y\n")
    assert terminal.ended() == 0, terminal.said
    assert (tmp_path / "changed").exists()
    terminal.close()


@pytest.mark.parametrize("command", ["up", pytest.param("prune", marks=pytest.mark.long)])
def test_a_terminal_that_is_closed_is_no_yes(at: Callable[..., Terminal], tmp_path: Path, command: str) -> None:
    terminal = at(command)
    terminal.until(b"[y/N]")
    terminal.close()
    assert terminal.process.wait() in (-signal.SIGHUP, 128 + signal.SIGHUP, 1, 6)
    assert not (tmp_path / "changed").exists()
