"""Connections: one per host and run, opened on first use, jump hosts shared between those behind them."""

from __future__ import annotations

import contextlib
import copy
import shlex
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import paramiko

from provision.core.commands import Given
from provision.core.errors import (
    Cancelled,
    ConnectTimeout,
    HostError,
    HostKeyChanged,
    HostKeyUnknown,
    NameNotFound,
    PortClosed,
    Unreachable,
)
from provision.core.secret import Secret
from provision.inventory.models import Host
from provision.transport.aftermath import aftermath
from provision.transport.algorithms import Client
from provision.transport.auth import Attempt
from provision.transport.handshake import Transient, addressed, broken, handshake, prepare, shown
from provision.transport.hostkey import HostKey
from provision.transport.hostkeys import KnownHosts, KnownHostsFiles, judge
from provision.transport.key_file import KeyRing
from provision.transport.lease import Leases
from provision.transport.pace import Pace
from provision.transport.patience import patiently
from provision.transport.proxy import ProxySocket
from provision.transport.session import Session
from provision.transport.ssh_config import ConfigProblem, SshConfig
from provision.transport.target import Target, resolve
from provision.transport.tcp import dial

#: Seconds for which a jump host that could not be reached is not tried again.
_REMEMBERED = 30.0

# "Administratively prohibited", in the answer to a request for a channel (RFC 4254, 5.1).
_PROHIBITED = 1

# paramiko's thread looks at its own state this often (seconds); closing does not wait for it (QuickSocket).
_IDLE_WAKE = 2.0

T = TypeVar("T")
Judge = Callable[[Target, KnownHosts, HostKey], None]


class Transport:
    """The connections of one run. Thread-safe; a context manager. `redact`: masked wherever they appear in
    output. `cancel`: once set, connecting stops and running scripts are ended. `inventory`: for what hints type.
    `rate`: bytes in a second that hosts are sent at most, all together; 0 for no limit."""

    def __init__(
        self,
        hosts: Sequence[Host],
        *,
        sudo_password: Secret | None = None,
        redact: Sequence[Secret] = (),
        cancel: threading.Event | None = None,
        inventory: Path | None = None,
        rate: float = 0,
    ) -> None:
        self.hosts = tuple(hosts)
        self._sudo_password = sudo_password
        self._redact = [*redact, *((sudo_password,) if sudo_password else ())]
        self._cancel = cancel or threading.Event()
        self.pace = Pace(rate, self._cancel)
        self._opener = Opener(self._cancel, inventory=inventory)
        self._lock = threading.Lock()
        self._host_locks: dict[str, threading.Lock] = {}
        self._sessions: dict[str, Session] = {}
        self.leases = Leases()
        self.ignored: dict[str, tuple[str, ...]] = {}  # by host, of ssh_config

    def connect(self, host: Host) -> Session:
        """The session of `host`; opened now if there is none, or if it broke. Raises Unreachable's
        subclasses, or Cancelled."""
        with self._lock:
            lock = self._host_locks.setdefault(host.name, threading.Lock())
        with lock:
            session = self._sessions.get(host.name)
            if session is not None and session.alive:
                return session
            if session is not None:
                session.close()
            opened = self._open(
                host,
                connections=session.connections if session else 0,
                commands=session.commands if session else 0,
            )
            self._sessions[host.name] = opened
            return opened

    def learn(self, secrets: Iterable[Secret]) -> None:
        """Masks these as well from now on, on every connection."""
        self._redact += secrets

    @contextlib.contextmanager
    def another(self, host: Host) -> Iterator[Session]:
        """A connection beside the one that there is, closed in the end: shows that one can still be opened. Raises as
        `connect`."""
        session = self._open(host)
        try:
            yield session
        finally:
            session.close()

    def aftermath(self, host: Host, error: HostError) -> HostError:
        """What is to be told of `error`: of a broken connection, whether the host was rebooted, or is gone."""
        session = self._sessions.get(host.name)
        return aftermath(error, session.opened, lambda: self.another(host), self._cancel) if session else error

    def _open(self, host: Host, *, connections: int = 0, commands: int = 0) -> Session:
        target = self._opener.target(host)
        self.ignored[host.name] = target.ignored
        return Session(
            host.name,
            self._opener.open(target),
            sudo=host.sudo and target.user != "root",
            sudo_password=self._sudo_password,
            redact=self._redact,
            cancel=self._cancel,
            connections=connections + 1,
            commands=commands,
            leases=self.leases,
            another=lambda: self._opener.open(target),
            pace=self.pace,
        )

    def close(self) -> None:
        self.leases.close()
        for session in list(self._sessions.values()):
            session.close()
        self._opener.close()

    def __enter__(self) -> Transport:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Opener:
    """Opens authenticated connections to targets, with what they share: keys, known hosts, jump hosts."""

    def __init__(self, cancel: threading.Event, judge: Judge = judge, inventory: Path | None = None) -> None:
        self._cancel = cancel
        self._given = Given(str(inventory or ""))
        self._judge = judge
        self._ring = KeyRing()
        self._known = KnownHostsFiles()
        self._lock = threading.Lock()
        self._configs: dict[str | None, SshConfig] = {}
        self._jump_locks: dict[Target, threading.Lock] = {}
        self._failed_jumps: dict[Target, tuple[float, Unreachable]] = {}
        self._jumps: dict[Target, paramiko.Transport] = {}

    def target(self, host: Host) -> Target:
        """Raises Unreachable if ssh_config, or a jump in it, cannot be read."""
        path = host.ssh.config
        try:
            with self._lock:
                if path not in self._configs:
                    self._configs[path] = SshConfig(path)
                config = self._configs[path]
            return resolve(host, config.lookup)  # asks OpenSSH: for several hosts at once
        except ConfigProblem as problem:
            message = f"`{path or '~/.ssh/config'}` cannot be read: {problem}"
            raise Unreachable(host.name, message, hint=problem.hint) from problem
        except (OSError, ValueError, paramiko.SSHException) as error:
            raise Unreachable(
                host.name,
                f"`{path or '~/.ssh/config'}` cannot be read: {getattr(error, 'strerror', None) or error}",
                hint=shlex.join(["ssh", "-G", *(["-F", path] if path else []), host.address]),
            ) from error

    def known_hosts(self, target: Target, shown: HostKey) -> KnownHosts:
        return self._known.of(target, shown)

    def open(self, target: Target) -> paramiko.Transport:
        """A connection that is logged in. Raises Unreachable's subclasses, Cancelled."""
        with addressed(target):
            return patiently(lambda: self._try(target, self._log_in), target.timeout, self._cancel)

    def look(self, target: Target) -> HostKey:
        """The key that the server shows; nobody logs in. Raises as `open`."""

        def take(transport: Client, _: Target) -> HostKey:
            key = shown(transport)
            transport.close()
            return key

        with addressed(target):
            return patiently(lambda: self._try(target, take), target.timeout, self._cancel)

    def close(self) -> None:
        for transport in reversed(list(self._jumps.values())):
            transport.close()

    def _try(self, target: Target, then: Callable[[Client, Target], T]) -> T:
        if self._cancel.is_set():
            raise Cancelled(f"cancelled while connecting to {target.name}")
        sock = self._socket(target)
        transport: Client | None = None
        try:
            transport = prepare(sock, target, self._known.of(target))
            handshake(transport, target.timeout)
            return then(transport, target)
        except BaseException as error:
            with contextlib.suppress(OSError, EOFError):
                (transport or sock).close()
            if isinstance(error, (EOFError, OSError, paramiko.SSHException)):
                raise broken(target, error, transport, sock) from error
            raise

    def _log_in(self, transport: Client, target: Target) -> paramiko.Transport:
        try:
            self._judge(target, self._known.of(target, shown(transport)), shown(transport))
        except (HostKeyUnknown, HostKeyChanged) as error:
            error.hint = self._given.text(error.hint)
            raise
        transport.auth_timeout = target.timeout
        Attempt(target, self._ring).authenticate(transport)
        transport.sock.settimeout(_IDLE_WAKE)
        return transport

    def _socket(self, target: Target) -> Any:
        if target.jump is not None:
            return self._through(target, target.jump)
        if target.proxy_command:
            return ProxySocket.start(target.proxy_command)
        try:
            return dial(target.name, target.address, target.port, target.timeout, target.family, target.source)
        except Unreachable as error:
            if target.hop:
                error.message = f"jump host: {error.message}"
            if _passes(error):
                raise Transient(error) from error
            raise

    def _through(self, target: Target, jump: Target) -> paramiko.Channel:
        with self._lock:
            lock = self._jump_locks.setdefault(jump.where, threading.Lock())
        with lock:
            carrier = self._jumps.get(jump.where)
            if carrier is None or not carrier.is_active():
                carrier = self._jumps[jump.where] = self._jump(jump, target)
        try:
            return carrier.open_channel(
                "direct-tcpip", (target.address, target.port), ("127.0.0.1", 0), timeout=target.timeout
            )
        except paramiko.ChannelException as error:
            if error.code == _PROHIBITED:
                raise Unreachable(
                    target.name,
                    f"{jump.place} does not forward to `{target.address}` port {target.port}: {error.text}",
                    hint="allow it in sshd_config there: AllowTcpForwarding, PermitOpen, DisableForwarding",
                ) from error
            raise PortClosed(
                target.name,
                f"the jump host `{jump.address}` cannot reach `{target.address}` port {target.port}: {error.text}",
                hint=f"{jump.ssh} {probe(target.address, target.port)}",
            ) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise Transient(
                ConnectTimeout(
                    target.name,
                    f"no answer from `{target.address}` port {target.port} through the jump host `{jump.address}`",
                    hint=f"{jump.ssh} {probe(target.address, target.port)}",
                )
            ) from error

    def _jump(self, jump: Target, target: Target) -> paramiko.Transport:
        """A connection to a jump host. One that has just failed is not tried again for each of the hosts behind it."""
        when, failure = self._failed_jumps.get(jump.where, (0.0, None))
        if failure is not None and time.monotonic() - when < _REMEMBERED:
            again = copy.copy(failure)
            again.host = target.name
            raise again
        try:
            return self.open(jump)
        except Unreachable as error:
            self._failed_jumps[jump.where] = (time.monotonic(), error)
            raise


def probe(address: str, port: int) -> str:
    """A command for another host, as one word of ours: the shell there reads it once more."""
    return shlex.quote(shlex.join(["nc", "-vz", address, str(port)]))


def _passes(error: Unreachable) -> bool:
    cause = error.__cause__
    if isinstance(error, NameNotFound):
        return isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_AGAIN
    return isinstance(error, ConnectTimeout) or isinstance(cause, ConnectionResetError)
