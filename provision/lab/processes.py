"""Finding and ending the processes that a lab started, and no others."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
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


def marked(directories: Iterable[str]) -> list[Identity]:
    """Processes whose environment names one of these host directories, and all that descend from them."""
    marks = {f"{MARK}={directory}".encode() for directory in directories}
    found: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        pid = int(entry.name)
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            environment = (entry / "environ").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        children.setdefault(parent, []).append(pid)
        start = started(pid)
        if start is not None and not marks.isdisjoint(environment):
            found[pid] = start
    waiting = list(found)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            start = started(child)
            if child not in found and start is not None and child != os.getpid():
                found[child] = start
                waiting.append(child)
    found.pop(os.getpid(), None)
    return list(found.items())


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
