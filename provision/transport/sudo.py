"""Getting a program through sudo, without a password if it lets us, with one only when it asks.

There are several programs called sudo (Todd Miller's, sudo-rs), and each speaks many languages: what one says decides
nothing but which hint is shown, and English is asked for. The password is sent after sudo's prompt was seen and never
before: there is no way for it to end up in what the program reads. The program says READY when it runs.
"""

from __future__ import annotations

import time

from provision.core.errors import ConnectionLost, SudoRefused
from provision.core.secret import Secret
from provision.transport.leash import READY
from provision.transport.pipe import Pipe

#: For sudo to answer, which may ask a directory server (seconds).
PATIENCE = 30.0

_PROMPT = "[provision] password:"

# Bytes before the program runs: of startup files that print much, and not without end.
_MOST = 32 << 20

# For sudo itself: `leash` takes it back for the program behind it.
_ENGLISH = "env LC_ALL=C LANGUAGE=C "

#: Fails at once if a password is needed.
WITHOUT_PASSWORD = f"{_ENGLISH}sudo -n -H "
WITH_PASSWORD = f'{_ENGLISH}sudo -S -H -p "{_PROMPT}" '

#: A shell's exit code for a program that is not there.
MISSING = 127

_ASKS = ("password is required", "a terminal is required", "authentication is required", "authentication required")

_HINT = "set `sudo_password` in the inventory, or give the user a NOPASSWD rule"


def refusal(host: str, said: str, status: int | None = None, *, tried: bool = False) -> SudoRefused:
    """The error for what sudo printed, or the shell for it, instead of running the program. `tried`: a password was
    given."""
    lines = [line for line in said.replace(_PROMPT, "").splitlines() if line.strip() and line != READY]
    if any(sign in said for sign in _ASKS) and not tried:
        return SudoRefused(host, "sudo wants a password, and none was given", evidence=lines, hint=_HINT)
    if status == MISSING or "not found" in said:
        return SudoRefused(
            host, "sudo is not installed", evidence=lines, hint="install it, log in as root, or set `sudo: false`"
        )
    if "must have a tty" in said:
        return SudoRefused(
            host, "sudo wants a terminal", evidence=lines, hint="remove `Defaults requiretty` for the user in sudoers"
        )
    hint = "see what it allows: sudo -l"
    return SudoRefused(host, "sudo refused", evidence=lines, hint=hint if tried else f"{hint}; {_HINT}")


def hand_over(host: str, pipe: Pipe, password: Secret | None) -> None:
    """Answers sudo's prompt, and returns when the program behind it runs. Raises SudoRefused, ConnectionLost."""
    out = err = b""
    asked = 0
    end = time.monotonic() + PATIENCE
    while READY.encode() not in out:
        if time.monotonic() > end:
            raise SudoRefused(host, f"sudo did not answer within {PATIENCE:g} s", evidence=_lines(err), hint=_HINT)
        more_out, more_err = pipe.read(0.2)
        out, err = out + more_out, err + more_err
        if len(out) + len(err) > _MOST:
            said = _lines((out + err)[:1000])
            raise SudoRefused(host, f"the login shell, or sudo, printed more than {_MOST >> 20} MiB", evidence=said)
        if err.count(_PROMPT.encode()) > asked:
            asked += 1
            if password is None:
                raise SudoRefused(host, "sudo wants a password, and none was given", hint=_HINT)
            if asked > 1:
                raise SudoRefused(host, "sudo does not accept the password", hint="correct `sudo_password`")
            pipe.send(password.reveal().encode() + b"\n", PATIENCE)
        elif pipe.over and not (more_out or more_err):
            pipe.ended(1.0)  # the exit code may come a moment after the end of the output
            if pipe.status is None:
                raise ConnectionLost(host, "the connection broke while sudo was asked")
            raise refusal(host, (out + err).decode("utf-8", "replace"), pipe.status, tried=asked > 0)


def _lines(said: bytes) -> list[str]:
    return [line for line in said.decode("utf-8", "replace").splitlines() if line.strip()]
