"""What the programs about the weights print: how far they are, and why they end."""

from __future__ import annotations

import os
import sys
import time


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def stop(*lines: str) -> None:
    """Ends the program. The lines are the evidence that a person sees: names come from elsewhere, so what a terminal
    would take for more than letters is written out."""
    told = ("".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line) for line in lines)
    sys.stderr.write("\n".join(told).encode("utf-8", "backslashreplace").decode() + "\n")
    sys.stderr.flush()
    # Threads that still load something must not keep it from ending.
    os._exit(1)


def gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


class Progress:
    """Bytes so far, some times a second."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = self._last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._last < 0.5:
            return
        self._last = now
        speed = done / max(now - self._began, 0.001)
        left = int((total - done) / speed) if speed else 0
        clock = f"{left // 60}:{left % 60:02d}"
        say(f"::progress {self._what}  {gigabytes(done)} of {gigabytes(total)}  {gigabytes(speed)}/s, {clock} left")
