"""The SSH handshake: which algorithms we ask for, and what a connection that breaks in it is called."""

from __future__ import annotations

import contextlib
import errno
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import paramiko

from provision.core.errors import AuthFailed, ConnectTimeout, Unreachable
from provision.transport.algorithms import Client
from provision.transport.hostkey import HostKey
from provision.transport.hostkeys import KnownHosts, authorities, expected, revokes
from provision.transport.proxy import ProxySocket, final, program
from provision.transport.target import Target


class Transient(Exception):
    """Connecting failed in a way that may pass; `error` is what is said if it does not."""

    def __init__(self, error: Unreachable) -> None:
        super().__init__(str(error))
        self.error = error


def prepare(sock: Any, target: Target, known: KnownHosts) -> Client:
    transport = Client(sock)
    transport.wants_certificate = bool(authorities(target, known))
    transport.wants_signer = revokes(target, known)
    transport.host_keys = target.host_keys
    options = transport.get_security_options()
    # A server shows one key: ask for one of a type that is on record.
    on_record = [key.kind for key in expected(target, known)]
    wanted = [kind for kind in options.key_types if kind in on_record or ("ssh-rsa" in on_record and "rsa" in kind)]
    options.key_types = _first(wanted, options.key_types)
    return transport


def _first(preferred: Sequence[str], all_names: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*(name for name in preferred if name in all_names), *all_names)))


def handshake(transport: paramiko.Transport, timeout: float) -> None:
    # Longer, so that it ends below: what paramiko raises at the end of its own reads like a connection that was closed.
    transport.banner_timeout = transport.handshake_timeout = timeout + 60
    done = threading.Event()
    transport.start_client(event=done)
    if not done.wait(timeout):
        raise TimeoutError(errno.ETIMEDOUT, "no SSH handshake in time")
    error = transport.get_exception()
    if error is not None:
        raise error
    if not transport.is_active():
        raise EOFError("the connection was closed during the handshake")


def shown(transport: paramiko.Transport) -> HostKey:
    key = transport.get_remote_server_key()
    blob = getattr(key, "public_blob", None)
    return HostKey(key.get_name(), key.get_base64(), blob.key_blob if blob is not None else b"")


def broken(target: Target, error: Exception, transport: Client | None = None, sock: Any = None) -> Exception:
    """What a connection that was accepted, then failed, is called."""
    where = f"{target.place} port {target.port}"
    text = str(error) or type(error).__name__
    said = transport.sentences() if transport is not None else []
    if isinstance(sock, ProxySocket):
        return _proxy_failed(target, sock, text)
    if isinstance(error, paramiko.SSHException) and text.startswith("Incompatible version"):
        return Unreachable(target.name, f"{where} speaks another version of SSH: {text}", hint="update its sshd")
    if isinstance(error, paramiko.SSHException) and ("ncompatible" in text or "no acceptable" in text):
        differs = transport.disagreement() if transport is not None else None
        if differs is not None:
            hint = f"add one of those accepted here to `{differs.setting}` in sshd_config there, or update its sshd"
            if target.host_keys and differs.setting == "HostKeyAlgorithms":
                hint = "HostKeyAlgorithms of your ssh_config allows no others: add one that the host offers"
            return Unreachable(target.name, f"{where} has {differs.text}", hint=hint)
        return Unreachable(target.name, f"{where} has no algorithm in common with this client: {text}", hint=target.ssh)
    if isinstance(error, TimeoutError) or "imeout" in text:
        return Transient(
            ConnectTimeout(
                target.name,
                f"{where} accepted the connection, then did not speak SSH within {target.timeout:g} s",
                evidence=said,
                hint=f"check that sshd is what listens there: {target.ssh} -v",
            )
        )
    if isinstance(error, paramiko.AuthenticationException):
        return AuthFailed(target.name, f"logging in to {where} failed: {text}", evidence=said, hint=f"{target.ssh} -v")
    return Transient(
        Unreachable(
            target.name,
            f"{where} closed the connection before it was open: {said[-1] if said else text}",
            evidence=said[:-1],
            hint=f"see sshd's log there (MaxStartups, fail2ban, hosts.deny), and {target.ssh} -v",
        )
    )


def _proxy_failed(target: Target, sock: ProxySocket, text: str) -> Exception:
    code, said = sock.last_words()
    ended = f"ended with exit code {code}" if code is not None else f"gave no connection: {text}"
    error = Unreachable(
        target.name,
        f"the ProxyCommand for {target.place} {ended}",
        evidence=[f"ProxyCommand {program(target.proxy_command)} …", *said],
        hint="correct ProxyCommand in ssh_config, or run it by hand",
    )
    return error if code is not None and final(code, said) else Transient(error)


@contextlib.contextmanager
def addressed(target: Target) -> Iterator[None]:
    """An error within it says what was connected to; one of a jump host says that of the jump host."""
    try:
        yield
    except Unreachable as error:
        error.address = error.address or target.address
        raise
