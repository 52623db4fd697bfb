"""A newcomer's machine: a fresh copy of a base, in namespaces of its own, with a way out to the package indexes.

Its network is its own; slirp4netns carries it, as an ordinary process of this machine, so that no rule, link or
setting of this machine is touched. All of it hangs on one process: with that, everything is gone.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cgroups
import outer
from who import Who

HERE = Path(__file__).parent
#: slirp4netns answers here, and asks whomever this machine asks.
RESOLVER = "10.0.2.3"
SECONDS = 7200  # for one command: three times what the tests take on a quiet machine
TIED = ("setpriv", "--pdeathsig", "KILL")


@dataclass(frozen=True)
class Typed:
    """One command as it was typed: its exit code (None: it took too long), and all that it said."""

    command: str
    code: int | None
    seconds: float
    output: str
    received: int  # bytes that the machine took in from outside meanwhile


@dataclass(frozen=True)
class Machine:
    """`pid`: its PID 1. `cgroup`: all its processes. `pip`: how it reaches the package indexes. `log`: gets all that is
    said there."""

    pid: int
    cgroup: Path
    pip: outer.Pip
    log: Path

    def type(self, who: Who, command: str, *, folder: str = "", answer: str = "") -> Typed:
        """What `who` gets for `command`, typed in `folder` or in the project's. `answer` is typed to what asks."""
        environment = [f"{name}={value}" for name, value in (self.pip.environment | who.environment()).items()]
        here = ["nsenter", f"--target={self.pid}", "--all"]
        shell = ["bash", "-c", 'cd "$0" && exec bash -c "$1"', folder or who.tree, command]
        inside = [*who.privileges(), "env", "-i", *environment, *shell]
        began, before = time.monotonic(), self.received()
        with self.log.open("a") as told:
            told.write(f"\n$ {command}\n")
            told.flush()
            start = self.log.stat().st_size
            process = subprocess.Popen(
                [*TIED, *cgroups.joins(self.cgroup / "session"), *here, "--", *inside],
                stdin=subprocess.PIPE,
                stdout=told,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
                    process.communicate(answer.encode(), timeout=SECONDS)
            finally:
                code = process.poll()
                if code is None:
                    process.kill()
                    process.wait()
        with self.log.open("rb") as read:
            read.seek(start)
            output = read.read().decode(errors="replace")
        return Typed(command, code, time.monotonic() - began, output, self.received() - before)

    def received(self) -> int:
        for line in Path(f"/proc/{self.pid}/net/dev").read_text().splitlines():
            name, _, numbers = line.partition(":")
            if name.strip() == "tap0":
                return int(numbers.split()[0])
        return 0


@contextlib.contextmanager
def machine(root: Path, pip: outer.Pip, who: Who, shared: dict[Path, str], log: Path) -> Iterator[Machine]:
    """Starts the machine whose files are `root`, and ends all that runs on it. `shared`: folders of this machine that
    it has as its own, and where."""
    settle(root, pip)
    cgroup = cgroups.make()
    kind = "confined" if who.confined else "free"
    spaces = ["--mount", "--pid", "--fork", "--kill-child", "--uts", "--ipc", "--net", "--cgroup"]
    binds = [f"{source}:{target}" for source, target in shared.items()]
    command = [*TIED, *cgroups.joins(cgroup), "unshare", *spaces, "sh", str(HERE / "machine.sh"), str(root), kind]
    starter = subprocess.Popen(
        [*command, *pip.folders, *binds], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
    )
    carrier = None
    pid = 0
    try:
        assert starter.stdout is not None
        if starter.stdout.readline() != b"ready\n":
            raise SystemExit(f"error: the machine in {root} did not start")
        pid = int(Path(f"/proc/{starter.pid}/task/{starter.pid}/children").read_text())
        cgroups.delegate(cgroup, starter.pid)
        carrier = carry(pid)
        yield Machine(pid, cgroup, pip, log)
    finally:
        if carrier:
            end(carrier)
        if pid:
            stop(pid)
        end(starter)
        cgroups.remove(cgroup)


def stop(pid: int) -> None:
    """Ends PID 1; it is gone only after all that runs on its machine."""
    with contextlib.suppress(ProcessLookupError):
        gone = os.pidfd_open(pid)
        signal.pidfd_send_signal(gone, signal.SIGTERM)
        select.select([gone], [], [], 30)
        os.close(gone)


def settle(root: Path, pip: outer.Pip) -> None:
    """What the machine's owner set up before: name resolution, its name, pip's settings, certificates."""
    (root / "etc/resolv.conf").write_text(f"nameserver {RESOLVER}\n")
    (root / "etc/hostname").write_text("newcomer\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost newcomer\n::1 localhost\n")
    (root / "etc/pip.conf").write_text(pip.settings)
    for bundle in pip.certificates:
        target = root / bundle.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(bundle, target)


def carry(pid: int) -> subprocess.Popen[bytes]:
    """Carries the network of the machine with that PID 1."""
    ready, tell = os.pipe()
    options = ["--configure", "--mtu=65520", "--disable-host-loopback", f"--ready-fd={tell}"]
    process = subprocess.Popen(
        [*TIED, "slirp4netns", *options, str(pid), "tap0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=[tell],
    )
    os.close(tell)
    with os.fdopen(ready, "rb") as told:
        if told.read(1) != b"1":
            end(process)
            raise SystemExit("error: slirp4netns did not start")
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
