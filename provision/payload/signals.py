"""A signal to processes that are still those that were meant: the kernel gives the number of one that has ended to
another.

Arguments: the name of the signal, then `<pid>:<start>` for each, as field 22 of /proc/PID/stat has it. A descriptor of
the process (pidfd, Linux 5.3) is opened first and the start compared then, so that the signal goes to that process or
to nobody. Where there is none, or a sandbox forbids the call, the start is compared last of all, which leaves a moment.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

#: The numbers of pidfd_send_signal and pidfd_open, the same on x86-64 and aarch64: Python has them since 3.9 alone.
SEND, OPEN = 424, 434


def main() -> None:
    """Of a process that is gone, or not ours to signal, nothing is said: whoever asks looks again."""
    number = int(getattr(signal, f"SIG{sys.argv[1]}"))
    for one in sys.argv[2:]:
        pid, _, start = one.partition(":")
        send(int(pid), start, number)


def send(pid: int, start: str, number: int) -> bool:
    """Whether it was sent."""
    call = system_calls()
    descriptor = call(OPEN, pid, 0) if call else -1
    try:
        if started(pid) != start:
            return False
        if descriptor >= 0:
            return bool(call(SEND, descriptor, number, None, 0) == 0)
        os.kill(pid, number)
        return True
    except OSError:
        return False
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def system_calls() -> Any:
    """None where this Python cannot make any (ctypes is a package of its own on some hosts)."""
    try:
        import ctypes

        return ctypes.CDLL(None).syscall
    except (ImportError, OSError, AttributeError):
        return None


def started(pid: int) -> str:
    """Empty where there is no such process, or it has ended."""
    try:
        words = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return ""
    return words[19].decode() if len(words) > 19 and words[0] not in (b"Z", b"X") else ""
