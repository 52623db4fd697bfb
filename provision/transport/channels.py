"""Opening channels on the connection to a host, or on further ones where sshd allows few sessions on each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import field

import paramiko

from provision.core.errors import ScriptFailed
from provision.core.values import dataclass

#: For the host to open a channel (seconds).
ANSWER = 30.0

# Seconds until a session that was refused is asked for again; "administratively prohibited" (RFC 4254, 5.1).
_AGAIN = 0.1
_PROHIBITED = 1

# For so long a refusal may come of the last session, which is still ending (seconds).
_ENDING = 0.3


@dataclass
class _Carrier:
    """A connection, and the channels on it that may still be open."""

    transport: paramiko.Transport
    opened: list[paramiko.Channel] = field(default_factory=list)

    @property
    def load(self) -> int:
        self.opened = [channel for channel in self.opened if not channel.closed]
        return len(self.opened)

    def open(self) -> paramiko.Channel:
        channel = self.transport.open_session(timeout=ANSWER)
        self.opened.append(channel)
        return channel


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
        self._another = another
        self._cancel = cancel
        self._carriers = [_Carrier(transport)]
        self._opening = threading.Lock()

    @property
    def alive(self) -> bool:
        """One that broke takes nothing from what runs on the others."""
        return any(carrier.transport.is_active() for carrier in list(self._carriers))

    def open(self) -> paramiko.Channel:
        """A host that allows few sessions at a time (MaxSessions) refuses another also while the last is still ending.
        Where those that take them up go on, such as a lease, or a proof while something is built, there is a further
        connection for it."""
        began = time.monotonic()
        while True:
            passed = time.monotonic() - began
            try:
                with self._opening:  # of two refusals at a time, paramiko remembers one
                    return self._open(further=passed > _ENDING)
            except paramiko.ChannelException as error:
                if error.code == _PROHIBITED or passed > ANSWER or self._cancel.wait(_AGAIN):
                    raise ScriptFailed(
                        self._host,
                        f"sshd opens no further session: {error.text}",
                        hint="raise MaxSessions in sshd_config there; 1 is enough",
                    ) from error

    def close(self) -> None:
        for carrier in list(self._carriers):
            carrier.transport.close()

    def _open(self, *, further: bool) -> paramiko.Channel:
        """`further`: a further connection may be opened, if every one that there is has a session of ours."""
        self._carriers = [one for one in self._carriers if one.transport.is_active()] or self._carriers
        carriers = sorted(self._carriers, key=lambda carrier: carrier.load)
        for carrier in carriers:
            try:
                return carrier.open()
            except paramiko.ChannelException as error:
                refused = error
                if error.code == _PROHIBITED:
                    break
        if not further or self._another is None or refused.code == _PROHIBITED or not carriers[0].load:
            raise refused
        self._carriers.append(_Carrier(self._another()))
        self.more += 1
        return self._carriers[-1].open()
