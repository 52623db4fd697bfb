"""A ProxyCommand of ssh_config: the connection is its standard input and output, and its last words are kept."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import tempfile
import threading
from typing import IO

#: Bytes of standard error that are shown, and seconds that a command has to end by itself.
_TAIL = 4000
_PATIENCE = 2.0

# What ssh, as a proxy, says when no further try will help.
_FINAL = ("Host key verification failed", "Permission denied", "Could not resolve", "Bad configuration", "not known")


class ProxySocket(socket.socket):
    """Our end. The command runs in a session of its own, so that Ctrl-C here does not break the connection that ends
    what runs on the host."""

    process: subprocess.Popen[bytes]
    said: IO[bytes]

    @classmethod
    def start(cls, command: str) -> ProxySocket:
        """By `sh`, as OpenSSH does by the user's shell. Raises OSError."""
        ours, theirs = socket.socketpair()
        sock = cls(fileno=ours.detach())
        sock.said = tempfile.TemporaryFile()  # noqa: SIM115 - read when the connection has failed
        try:
            sock.process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=sock.said.fileno(),
                start_new_session=True,
            )
        except OSError:
            sock.said.close()
            socket.socket.close(sock)
            raise
        finally:
            theirs.close()
        return sock

    def last_words(self) -> tuple[int | None, list[str]]:
        """(exit code, None while it runs; the end of its standard error)."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_PATIENCE)
        text = b""
        with contextlib.suppress(OSError, ValueError):
            size = os.fstat(self.said.fileno()).st_size
            text = os.pread(self.said.fileno(), _TAIL, max(0, size - _TAIL))
        return self.process.returncode, [line for line in text.decode("utf-8", "replace").splitlines() if line.strip()]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)
        super().close()
        threading.Thread(target=self._end, name="proxy", daemon=True).start()

    def _end(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_PATIENCE)
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()


def program(command: str) -> str:
    """Its first word that sets no variable: what follows may be a password. Empty where that cannot be told."""
    try:
        words = [] if "$(" in command or "`" in command else shlex.split(command)
    except ValueError:
        return ""
    return next((word for word in words if "=" not in word and word not in ("exec", "env")), "")


def final(code: int, said: list[str]) -> bool:
    """Whether another try is of no use: no such program, or it said so."""
    return code in (126, 127) or any(sign in line for line in said for sign in _FINAL)
