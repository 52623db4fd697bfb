"""One host's connection, and what is done over it: batches under a leash, and uploads."""

from __future__ import annotations

import contextlib
import secrets as randomness
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import paramiko

from provision.core.errors import ConnectionLost, ScriptFailed
from provision.core.script import Fragment, Script, Upload, render
from provision.core.secret import Secret
from provision.transport import leash, sudo, upload
from provision.transport.batch import Batch
from provision.transport.pipe import Pipe
from provision.transport.redact import redactor

#: For the host to open a channel, or to take a batch's text (seconds).
ANSWER = 30.0

# Seconds until a session that was refused is asked for again; "administratively prohibited" (RFC 4254, 5.1).
_AGAIN = 0.1
_PROHIBITED = 1

OnLine = Callable[[int, str, str], None]
OnBytes = Callable[[int, int], None]


class Session:
    """Opened by `Transport.connect`. `commands` and `connections` count what this host has cost so far."""

    def __init__(
        self,
        host: str,
        transport: paramiko.Transport,
        *,
        sudo: bool = False,
        sudo_password: Secret | None = None,
        redact: Sequence[Secret] = (),
        cancel: threading.Event | None = None,
        connections: int = 1,
        commands: int = 0,
    ) -> None:
        self.host = host
        self.connections = connections
        self.commands = commands
        self._transport = transport
        self._sudo = sudo
        self._password = sudo_password
        self._opening = threading.Lock()
        self._asks = False  # sudo has been seen to want a password here
        self._redact = redact  # not a copy: what the transport learns later is masked, too
        self._cancel = cancel or threading.Event()

    @property
    def alive(self) -> bool:
        return self._transport.is_active()

    def run(
        self, scripts: Sequence[Script], *, on_line: OnLine | None = None, timeout: float | None = None
    ) -> list[Fragment]:
        """Runs `scripts` one after another in one round trip, and returns what each did; one that was not
        reached has no exit code. A script that fails raises nothing.

        `on_line(index, "stdout" | "stderr", line)` is called for each line as it arrives, secrets masked.
        Each script has its own timeout; `timeout` seconds, if given, replace them by one for all.

        Raises ScriptTimeout, Cancelled, ConnectionLost, SudoRefused; after each, nothing is left running.
        """
        if not scripts:
            return []
        nonce = randomness.token_hex(8)
        text = render(scripts, nonce, Secret.reveal).encode()
        found = (value for script in scripts for value in script.vars.values() if isinstance(value, Secret))
        clean = redactor((*self._redact, *found))
        while True:
            asks = self._asks
            with self._start(lambda prefix: leash.run_command(len(text), prefix), asks=asks) as pipe:
                batch = Batch(self.host, pipe, scripts, nonce, clean, on_line or _unheard, self._cancel)
                fragments = batch.run(text, timeout)
            if batch.begun:
                return fragments
            # Nothing ran: what stands in front of the script has something to say.
            if not self._sudo:
                raise batch.never_began()
            if asks or self._password is None or batch.status == sudo.MISSING:
                raise sudo.refusal(self.host, batch.preamble, batch.status, tried=asks)
            self._asks = True

    def send(self, uploads: Sequence[Upload], *, on_bytes: OnBytes | None = None) -> None:
        """Copies files and folders below folders of the host. `on_bytes(sent, total)`: how far it is.

        Everything arrives beside its place and is then renamed; owner-only modes. Raises ConnectionLost,
        SudoRefused, Cancelled, ScriptFailed (no space, no permission), UsageError (no such source).
        """
        transfer = upload.Transfer(self.host, uploads, on_bytes or _unheard, self._cancel)
        for part in transfer.parts:
            # With sudo, wait until it has let us through: megabytes are not for its prompt.
            with self._start(leash.receive_command, asks=True) as pipe:
                transfer.send(pipe, part)

    def close(self) -> None:
        self._transport.close()

    def _channel(self) -> paramiko.Channel:
        """A host that allows few sessions at a time (MaxSessions) refuses one while the last is still ending."""
        end = time.monotonic() + ANSWER
        while True:
            try:
                with self._opening:  # of two refusals at a time, paramiko remembers one
                    return self._transport.open_session(timeout=ANSWER)
            except paramiko.ChannelException as error:
                if error.code == _PROHIBITED or time.monotonic() > end or self._cancel.wait(_AGAIN):
                    raise ScriptFailed(
                        self.host,
                        f"sshd opens no further session: {error.text}",
                        hint="raise MaxSessions in sshd_config there; 1 is enough",
                    ) from error

    @contextlib.contextmanager
    def _start(self, command: Callable[[str], str], *, asks: bool) -> Iterator[Pipe]:
        """A channel on which `command(prefix)` runs; `asks`: sudo may ask for the password."""
        prefix = "" if not self._sudo else sudo.WITH_PASSWORD if asks else sudo.WITHOUT_PASSWORD
        try:
            channel = self._channel()
            pipe = Pipe(channel)
            channel.exec_command(command(prefix))
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise ConnectionLost(
                self.host, f"the connection broke: {error or type(error).__name__}", hint="run it again"
            ) from error
        self.commands += 1
        try:
            if self._sudo and asks:
                sudo.hand_over(self.host, pipe, self._password)
            yield pipe
        finally:
            channel.close()


def _unheard(*_: object) -> None:
    """The listener of those who do not listen."""
