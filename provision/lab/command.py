"""Running the machine's own programs: argument lists, a deadline, and an error that shows what they said."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from provision.core.errors import ProvisionError

#: Where system programs are. An ordinary user's PATH often has none of it, nor has root's after plain `su`.
SYSTEM = ("/usr/local/sbin", "/usr/sbin", "/sbin")


class LabError(ProvisionError):
    """The lab could not be made, used or removed on this machine."""


def environment(own: Mapping[str, str] | None = None) -> dict[str, str]:
    """`own`, by default this process's environment, with the folders of system programs at the end of its PATH."""
    own = os.environ if own is None else own
    path = own.get("PATH", os.defpath).split(os.pathsep)
    return {**own, "PATH": os.pathsep.join([*path, *(folder for folder in SYSTEM if folder not in path)])}


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
            env=environment(env),
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
