"""Both output streams of a channel, read by one thread that sleeps until there is something."""

from __future__ import annotations

import threading
import time

import paramiko

_CHUNK = 1 << 20

# How often a channel that takes nothing is looked at for output (seconds).
_LOOK = 0.1


class _Wake:
    """What paramiko's two buffers set and clear. Each clears it for itself alone, so it is cleared here."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def clear(self) -> None:
        pass

    def wait(self, timeout: float) -> None:
        self._event.wait(timeout)
        self._event.clear()


class Pipe:
    """A channel on which a command runs. `stays`: whether it is to outlive the batch that it was opened for."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self.channel = channel
        self.stays = False
        self._kept = (bytearray(), bytearray())
        self._wake = _Wake()
        channel.in_buffer.set_event(self._wake)  # type: ignore[arg-type]
        channel.in_stderr_buffer.set_event(self._wake)  # type: ignore[arg-type]

    def read(self, timeout: float) -> tuple[bytes, bytes]:
        """What has arrived on (stdout, stderr), waiting up to `timeout` seconds; empty if nothing has."""
        if not self._ready() and not self.over:
            self._wake.wait(timeout)
        if any(self._kept):
            out, err = (bytes(kept) for kept in self._kept)
            for kept in self._kept:
                kept.clear()
            return out, err
        return self._receive()

    def _receive(self) -> tuple[bytes, bytes]:
        channel = self.channel
        out = channel.recv(_CHUNK) if channel.recv_ready() else b""
        err = channel.recv_stderr(_CHUNK) if channel.recv_stderr_ready() else b""
        return out, err

    @property
    def over(self) -> bool:
        """No more output will come."""
        return bool(self.channel.eof_received or self.channel.closed) and not self._ready()

    @property
    def status(self) -> int | None:
        """The command's exit code; None while it runs, and if it ended without one."""
        if not self.channel.exit_status_ready():
            return None
        status = self.channel.exit_status
        return None if status == -1 else status

    def ended(self, timeout: float) -> bool:
        """Waits for the command itself to end; its output may still be open."""
        return self.channel.status_event.wait(timeout)

    def send(self, data: bytes, timeout: float) -> None:
        """Raises TimeoutError if the host does not take it in time, OSError if the channel is closed.

        What arrives meanwhile is kept for `read`: a shell whose startup files print megabytes reads nothing before we
        have taken them.
        """
        self.channel.settimeout(min(timeout, _LOOK))
        view = memoryview(data)
        end = time.monotonic() + timeout
        while view:
            try:
                taken = self.channel.send(bytes(view[: 1 << 15]))
            except TimeoutError:
                if time.monotonic() > end:
                    raise
                taken = -1
            while self.channel.recv_ready() or self.channel.recv_stderr_ready():
                for kept, part in zip(self._kept, self._receive(), strict=True):
                    kept += part
            if taken == 0:
                raise OSError("the channel is closed")
            if taken > 0:
                view = view[taken:]
                end = time.monotonic() + timeout

    def cut(self, patience: float) -> bool:
        """Lets go of the leash, and waits for the host to have ended everything. False: it did not say so."""
        end = time.monotonic() + patience
        try:
            self.channel.shutdown_write()
            while not self.channel.exit_status_ready() and time.monotonic() < end:
                self.read(0.1)  # a command that is blocked on a full pipe could not end
            return self.status is not None
        except (OSError, EOFError, paramiko.SSHException):
            return False
        finally:
            self.channel.close()

    def _ready(self) -> bool:
        return any(self._kept) or self.channel.recv_ready() or self.channel.recv_stderr_ready()
