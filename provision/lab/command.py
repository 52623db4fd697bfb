"""Running the machine's own programs: argument lists, a deadline, and an error that shows what they said."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from provision.core.errors import ProvisionError


class LabError(ProvisionError):
    """The lab could not be made, used or removed on this machine."""


def run(
    argv: Sequence[str],
    *,
    timeout: float = 300,
    text: str | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Runs `argv` with `text` on its standard input, for at most `timeout` seconds.

    Raises LabError if it is missing, outlives its time or, with `check`, ends non-zero.
    """
    shown = " ".join(argv)
    try:
        done = subprocess.run(
            list(argv),
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            env=dict(env) if env is not None else None,
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(f"`{argv[0]}` is not installed on this machine") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{shown}` did not end within {timeout:g} s") from error
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise LabError(f"`{shown}` ended with exit code {done.returncode}", evidence=said[-20:])
    return done
