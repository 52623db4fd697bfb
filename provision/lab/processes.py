"""Finding and ending the processes that a lab started, and no others."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from provision.lab.state import MARK

Identity = tuple[int, int]  # pid, start time in clock ticks since boot: a pid alone may be somebody else's by now


def started(pid: int) -> int | None:
    """The start time of `pid`, or None if there is no such process (a zombie counts as none)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])


def sshd_arguments(directory: str) -> str:
    """What the command line of a loopback host's sshd starts with, after the program's path."""
    return f"sshd -D -f {directory}/sshd_config"


def marked(directories: Collection[str], *, descendants: bool = True, known: Collection[int] = ()) -> list[Identity]:
    """Processes whose environment names one of these host directories, the `known` pids, and all that descend from
    them."""
    marks = {os.fsencode(f"{MARK}={directory}") for directory in directories}
    # sshd writes its title, which keeps its arguments, over its environment.
    servers = [os.fsencode(sshd_arguments(directory)) for directory in directories]
    found = list(known)
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        # Processes come and go meanwhile, and another user's environment is none of our business.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.name))
            environment = (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
            if not marks.isdisjoint(environment) or any(server in command for server in servers):
                found.append(int(entry.name))
    for pid in found if descendants else ():
        found.extend(child for child in children.get(pid, ()) if child not in found)
    return [(pid, start) for pid in dict.fromkeys(found) if pid != os.getpid() and (start := started(pid)) is not None]


def record(path: Path, pid: int) -> None:
    """Writes down the identity of a process that was just started."""
    path.write_text(f"{pid} {started(pid) or 0}\n")


def recorded(path: Path) -> int:
    """The pid that `record` wrote down, 0 if there is none or that process is gone."""
    try:
        pid, start = map(int, path.read_text().split())
    except FileNotFoundError:
        return 0
    return pid if started(pid) == start else 0


def send(identity: Identity, number: signal.Signals) -> bool:
    """Signals a process if it is still the same one; whether it was."""
    pid, start = identity
    if started(pid) != start:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def gone(identities: Iterable[Identity], seconds: float) -> bool:
    """Waits until none of these processes is left, for at most `seconds`; whether that came true."""
    deadline = time.monotonic() + seconds
    left = list(identities)
    while left:
        left = [identity for identity in left if started(identity[0]) == identity[1]]
        if left and time.monotonic() > deadline:
            return False
        if left:
            time.sleep(0.01)
    return True


def reap(pids: Iterable[int]) -> None:
    """Buries those of these ended processes that are this program's own children."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
