"""One host's connection, and what is done over it: batches under a leash, and uploads."""

from __future__ import annotations

import contextlib
import math
import secrets as randomness
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence

import paramiko

from provision.core.batch import render
from provision.core.errors import ConnectionLost, HostError, ScriptFailed
from provision.core.lease import Answer, Claim, read_answer
from provision.core.script import Fragment, Script, Upload
from provision.core.secret import Secret
from provision.transport import leash, sudo, upload
from provision.transport.batch import Batch
from provision.transport.channels import Channels
from provision.transport.lease import Lease, holder
from provision.transport.pace import Pace
from provision.transport.pipe import Pipe
from provision.transport.redact import redactor

# For the host to take a lease (seconds): from a run that is dead, it ends what that had going on.
_TAKING = 60.0

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
        leases: MutableMapping[str, Lease] | None = None,
        another: Callable[[], paramiko.Transport] | None = None,
        pace: Pace | None = None,
    ) -> None:
        """`leases`, `pace`: of all hosts of the run. `another`: opens one more connection to this host."""
        self._pace = pace
        self.host = host
        self.opened = time.monotonic()
        self._connections = connections
        self.commands = commands
        self._transport = transport
        self._sudo = sudo
        self._password = sudo_password
        self._asks = False  # sudo has been seen to want a password here
        self._redact = redact  # not a copy: what the transport learns later is masked, too
        self._cancel = cancel or threading.Event()
        self._leases = leases if leases is not None else {}
        self._channels = Channels(host, transport, another, self._cancel)
        self._renewing = threading.Lock()

    @property
    def alive(self) -> bool:
        return self._channels.alive

    @property
    def connections(self) -> int:
        return self._connections + self._channels.more

    @property
    def lease(self) -> Lease | None:
        return self._leases.get(self.host)

    def run(
        self,
        scripts: Sequence[Script],
        *,
        on_line: OnLine | None = None,
        timeout: float | None = None,
        writes: bool = False,
    ) -> list[Fragment]:
        """Runs `scripts` one after another in one round trip, and returns what each did; one that was not
        reached has no exit code. A script that fails raises nothing.

        `on_line(index, "stdout" | "stderr", line)` is called for each line as it arrives, secrets masked.
        Each script has its own timeout; `timeout` seconds, if given, replace them by one for all. `writes`: it is
        refused, on the host, where the run has a lease there and has lost it.

        Raises ScriptTimeout, Cancelled, ConnectionLost, SudoRefused, LeaseLost; after each, nothing is left running.
        """
        if not scripts:
            return []
        if writes and self._renewed() is not None:
            return self._fenced(scripts, on_line, timeout)
        return self._run(scripts, on_line, timeout)

    def _run(
        self, scripts: Sequence[Script], on_line: OnLine | None, timeout: float | None, ahead: int = 0
    ) -> list[Fragment]:
        nonce = randomness.token_hex(8)
        text = render(scripts, nonce, Secret.reveal).encode()
        _, fragments = self._batch(
            text, lambda prefix: leash.run_command(len(text), prefix), scripts, nonce, on_line, timeout, ahead
        )
        return fragments

    def hold(
        self, claim: Claim, scripts: Sequence[Script] = (), *, on_line: OnLine | None = None, wait: bool = False
    ) -> tuple[Answer, list[Fragment]]:
        """Takes the lease of this host, and runs `scripts` in the same round trip, whatever came of it. The lease is
        held until it is given back, or the connection ends. `wait`: until it is free; `on_line(0, …)` hears meanwhile
        who has it. Raises as `run`."""
        had = self.lease
        mine = had.answer.process if had is not None else ""
        nonce = randomness.token_hex(8)
        text = render(scripts, nonce, Secret.reveal, first=1).encode() if scripts else b""
        lines = claim.lines(nonce=nonce, size=len(text), wait=wait, mine=mine, address=self._address)
        program = holder()
        sent = program + lines.encode() + (leash.PREFIX + text if text else b"")
        taking = Script("", timeout=math.inf if wait else _TAKING)
        pipe, fragments = self._batch(
            sent,
            lambda prefix: leash.hold_command(len(program), prefix),
            [taking, *scripts],
            nonce,
            on_line,
            None,
            1,
            stays=True,
        )
        answer = read_answer(fragments[0].stdout)
        if answer is None:
            pipe.channel.close()
            raise ScriptFailed(self.host, "the lease could not be read", evidence=fragments[0].tail())
        if answer.state not in ("held", "resumed"):
            pipe.channel.close()
        if answer.ours:
            self._leases[self.host] = Lease(self.host, claim, answer, pipe if answer.state != "shared" else None)
        elif had is not None:
            had.take(answer.holder)
        return answer, fragments[1:]

    def _renewed(self) -> Lease | None:
        """The lease, taken once more if the connection that held it broke. Raises LeaseLost."""
        with self._renewing:  # a proof, and what is done beside it, find it broken at the same moment
            lease = self.lease
            if lease is None:
                return None
            lease.look()
            if lease.broken:
                self.hold(lease.claim)
            lease = self._leases[self.host]
            if lease.lost:
                raise lease.error()
            return lease

    def _fenced(self, scripts: Sequence[Script], on_line: OnLine | None, timeout: float | None) -> list[Fragment]:
        lease = self._leases[self.host]

        def heard(index: int, stream: str, line: str) -> None:
            if index:
                (on_line or _unheard)(index - 1, stream, line)

        try:
            fence, *fragments = self._run([lease.fence(), *scripts], heard, timeout, ahead=1)
        except HostError as error:
            self._still(lease, error)
            raise
        if not fence.ok:
            lease.look()
            lease.heard(fence.stdout)
            if not lease.lost:
                raise ScriptFailed(self.host, "the lease could not be looked at", evidence=fence.tail())
            raise lease.error()
        if any(fragment.rc != 0 for fragment in fragments):
            self._still(lease, None)
        return fragments

    def _still(self, lease: Lease, error: HostError | None) -> None:
        """Raises LeaseLost, if a batch failed because the lease was taken while it ran."""
        lease.look(wait=lease.slept)
        if lease.lost:
            raise lease.error() from error

    @property
    def _address(self) -> str:
        """Of the controller, as far as it knows."""
        named = getattr(self._transport.sock, "getsockname", None)
        try:
            return str(named()[0]) if named else ""
        except (OSError, TypeError, IndexError):
            return ""

    def _batch(
        self,
        text: bytes,
        command: Callable[[str], str],
        scripts: Sequence[Script],
        nonce: str,
        on_line: OnLine | None,
        timeout: float | None,
        ahead: int = 0,
        *,
        stays: bool = False,
    ) -> tuple[Pipe, list[Fragment]]:
        found = (value for script in scripts for value in script.alone().vars.values() if isinstance(value, Secret))
        clean = redactor((*self._redact, *found))
        while True:
            asks = self._asks
            with self._start(command, asks=asks) as pipe:
                batch = Batch(self.host, pipe, scripts, nonce, clean, on_line or _unheard, self._cancel, ahead)
                pipe.stays = stays
                fragments = batch.run(text, timeout)
                pipe.stays = stays and batch.begun
            if batch.begun:
                return pipe, fragments
            # Nothing ran: what stands in front of the script has something to say.
            if not self._sudo:
                raise batch.never_began()
            if asks or self._password is None or batch.status == sudo.MISSING:
                raise sudo.refusal(self.host, batch.preamble, batch.status, tried=asks)
            self._asks = True

    def send(self, uploads: Sequence[Upload], *, on_bytes: OnBytes | None = None) -> None:
        """Copies files and folders below folders of the host. `on_bytes(sent, total)`: how far it is.

        Everything arrives beside its place and is then renamed; owner-only modes. Raises ConnectionLost,
        SudoRefused, Cancelled, LeaseLost, ScriptFailed (no space, no permission), UsageError (no such source).
        """
        lease = self._renewed()
        fence = lease.named if lease else ("", "")
        transfer = upload.Transfer(self.host, uploads, on_bytes or _unheard, self._cancel, fence, self._pace)
        try:
            for part in transfer.parts:
                # With sudo, wait until it has let us through: megabytes are not for its prompt.
                with self._start(leash.receive_command, asks=True) as pipe:
                    transfer.send(pipe, part)
        except HostError as error:
            if lease is not None:
                lease.heard("\n".join(error.evidence))
                self._still(lease, error)
            raise

    @contextlib.contextmanager
    def relay(self, place: upload.UploadPlace, python: str, program: bytes) -> Iterator[Pipe]:
        """A channel on which `program` runs, by `python`, in the folder of `place` and with the rights of an upload to
        it; its standard input ends with the channel. Raises ConnectionLost, SudoRefused, Cancelled, LeaseLost."""
        lease = self._renewed()
        what = f"relay {len(program)} {python}"
        lines = (*(lease.named if lease else ("", "")), place.user, place.made, place.into, what)
        with self._start(leash.receive_command, asks=True) as pipe:
            text = "".join(f"{line}\n" for line in lines).encode()
            try:
                pipe.send(leash.PREFIX + leash.receiver() + text + program, upload.STALLED)
            except (OSError, EOFError, paramiko.SSHException) as error:
                raise ConnectionLost(self.host, f"the connection broke: {error}", hint="run it again") from error
            yield pipe

    def close(self) -> None:
        self._channels.close()

    @contextlib.contextmanager
    def _start(self, command: Callable[[str], str], *, asks: bool) -> Iterator[Pipe]:
        """A channel on which `command(prefix)` runs; `asks`: sudo may ask for the password."""
        prefix = "" if not self._sudo else sudo.WITH_PASSWORD if asks else sudo.WITHOUT_PASSWORD
        try:
            channel = self._channels.open()
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
        except BaseException:
            channel.close()
            raise
        if not pipe.stays:
            channel.close()


def _unheard(*_: object) -> None:
    """The listener of those who do not listen."""
