"""Opening channels on the connection to a host, or on a second one where sshd allows one session on each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import paramiko

from provision.core.errors import ScriptFailed

#: For the host to open a channel (seconds).
ANSWER = 30.0

# Seconds until a session that was refused is asked for again; "administratively prohibited" (RFC 4254, 5.1).
_AGAIN = 0.1
_PROHIBITED = 1

# For so long a refusal may come of the last session, which is still ending (seconds).
_ENDING = 0.3


class Channels:
    """Of one host. `another`: opens one more connection. `more`: how many have been opened."""

    def __init__(
        self,
        host: str,
        transport: paramiko.Transport,
        another: Callable[[], paramiko.Transport] | None,
        cancel: threading.Event,
    ) -> None:
        self.more = 0
        self._host = host
        self._transport = transport
        self._another = another
        self._cancel = cancel
        self._beside: paramiko.Transport | None = None
        self._opening = threading.Lock()

    @property
    def alive(self) -> bool:
        return self._transport.is_active() and (self._beside is None or self._beside.is_active())

    def open(self, *, lease: bool) -> paramiko.Channel:
        """`lease`: a session is taken up by one. A host that allows few at a time (MaxSessions) refuses another also
        while the last is still ending."""
        began = time.monotonic()
        while True:
            try:
                with self._opening:  # of two refusals at a time, paramiko remembers one
                    return (self._beside or self._transport).open_session(timeout=ANSWER)
            except paramiko.ChannelException as error:
                passed = time.monotonic() - began
                if lease and error.code != _PROHIBITED and passed > _ENDING and self._room():
                    continue
                if error.code == _PROHIBITED or passed > ANSWER or self._cancel.wait(_AGAIN):
                    raise ScriptFailed(
                        self._host,
                        f"sshd opens no further session: {error.text}",
                        hint="raise MaxSessions in sshd_config there; 1 is enough",
                    ) from error

    def close(self) -> None:
        self._transport.close()
        if self._beside is not None:
            self._beside.close()

    def _room(self) -> bool:
        """Whether there is a second connection now, which there was not."""
        with self._opening:
            if self._beside is not None or self._another is None:
                return False
            self._beside = self._another()
            self.more += 1
            return True
