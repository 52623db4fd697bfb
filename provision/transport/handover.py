"""Hands a secret to a process of this machine that works for us, where neither `ps` nor its environment shows it."""

from __future__ import annotations

import os

from provision.core.secret import Secret


def give(secret: Secret) -> int:
    """A file descriptor to be inherited (`pass_fds`), from which the value can be read once; the caller closes it.

    Raises BlockingIOError for a value that a pipe does not hold (64 KiB on Linux, see pipe(7)).
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        os.write(writing, secret.reveal().encode())
    except OSError:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return reading


def take(descriptor: int, name: str) -> Secret:
    """What `give` gave, in the process that inherited it. Closes the descriptor. Raises OSError if there is none."""
    with open(descriptor, encoding="utf-8", newline="") as stream:
        return Secret(stream.read(), name)
