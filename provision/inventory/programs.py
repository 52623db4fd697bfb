"""Programs of this machine that are asked while an inventory is read: they tell secrets, or read what only they can.

What a program prints is shown nowhere; what it says on standard error is shown if it fails.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

#: Seconds: a person may have to type a passphrase, or touch a key.
TIMEOUT = 120.0

#: Lines of standard error that are shown.
_LINES = 6


class ProgramFailed(ValueError):
    """It told nothing. `hint` can be typed."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def run(command: Sequence[str], folder: Path, limit: int, called: str, env: Mapping[str, str] | None = None) -> bytes:
    """What it prints, at most `limit` bytes and one. `env`: on top of what is set. Raises ProgramFailed."""
    try:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True, env={**os.environ, **(env or {})},
        )  # fmt: skip
    except OSError as error:
        raise ProgramFailed(f"{called} cannot be run: {(error.strerror or str(error)).lower()}") from None
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        message = f"{called} was still running after {TIMEOUT:g} s and was stopped"
        raise ProgramFailed(message, "run it by hand") from None
    finally:
        # Whatever it has left behind, too.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    if process.returncode:
        said = [line.strip() for line in err.decode("utf-8", "replace").splitlines() if line.strip()]
        why = f": {'; '.join(said[-_LINES:])[:500]}" if said else ""
        raise ProgramFailed(f"{called} failed (exit code {process.returncode}){why}", "run it by hand")
    return out[: limit + 1]
