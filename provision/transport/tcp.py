"""A TCP connection tuned for SSH, and what each way of not getting one is called."""

from __future__ import annotations

import contextlib
import errno
import shlex
import socket

from provision.core.errors import ConnectTimeout, NameNotFound, PortClosed, Unreachable

#: A peer that acknowledges nothing for this long (milliseconds) is gone; Linux would wait 15 minutes.
DEAD_AFTER_MS = 60_000


class QuickSocket(socket.socket):
    """Acknowledges at once: sshd's Nagle against our delayed acknowledgement costs 40 ms a command.

    Linux forgets TCP_QUICKACK when it likes, so it is set again after every read.
    """

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(size, flags)
        with contextlib.suppress(OSError):
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data

    def close(self) -> None:
        # Wakes the thread that is blocked in recv; closing alone would let it wait for its timeout.
        with contextlib.suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)
        super().close()


# This machine has no address of that family, or no route for it.
_NO_WAY = (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)

#: AddressFamily of ssh_config.
_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}


def dial(name: str, address: str, port: int, timeout: float, address_family: str = "", source: str = "") -> QuickSocket:
    """Connects to `address`, trying each of its IP addresses; `timeout` seconds in all; `name` is for errors.
    `address_family`, `source`: AddressFamily and BindAddress of ssh_config, empty for any.

    Raises NameNotFound, PortClosed, ConnectTimeout or Unreachable. Those worth another try carry the OSError
    as their cause.
    """
    try:
        wanted = _FAMILIES.get(address_family, socket.AF_UNSPEC)
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, family=wanted)
    except socket.gaierror as error:
        raise NameNotFound(
            name,
            f"the name `{address}` cannot be resolved: {error.strerror}{_only(address_family)}",
            hint=shlex.join(["getent", "hosts", address]),
        ) from error
    except UnicodeError as error:
        raise NameNotFound(name, f"`{address}` is not a host name", hint="correct `address`") from error
    failure: OSError | None = None
    for family, kind, protocol, _, where in found:
        sock: QuickSocket | None = None
        try:
            sock = QuickSocket(family, kind, protocol)
            sock.settimeout(timeout / len(found))
            if source:
                _bind(name, sock, source)
            sock.connect(where)
        except OSError as error:
            if sock is not None:
                sock.close()
            # What another of its addresses has answered tells more than that there is no way to this one.
            if failure is None or failure.errno in _NO_WAY:
                failure = error
        else:
            _tune(sock)
            return sock
    raise _named(name, address, port, timeout, failure) from failure


def _only(family: str) -> str:
    return f" (AddressFamily of ssh_config is `{family}`)" if family in _FAMILIES else ""


def _bind(name: str, sock: socket.socket, source: str) -> None:
    """Raises Unreachable where this machine has no such address; OSError where it is of the other family."""
    try:
        sock.bind(socket.getaddrinfo(source, 0, family=sock.family, type=socket.SOCK_STREAM)[0][4])
    except socket.gaierror as error:
        raise OSError(errno.EADDRNOTAVAIL, f"BindAddress `{source}` of ssh_config has no address for it") from error
    except OSError as error:
        raise Unreachable(
            name,
            f"BindAddress `{source}` of ssh_config cannot be used: {(error.strerror or str(error)).lower()}",
            hint="name an address of this machine: `ip address` shows them",
        ) from error


def _tune(sock: socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", 20),
        ("TCP_KEEPINTVL", 10),
        ("TCP_KEEPCNT", 4),
        ("TCP_USER_TIMEOUT", DEAD_AFTER_MS),
        ("TCP_QUICKACK", 1),
    ):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _named(name: str, address: str, port: int, timeout: float, error: OSError | None) -> Unreachable:
    if isinstance(error, ConnectionRefusedError):
        return PortClosed(
            name,
            f"nothing listens on port {port} of `{address}`",
            hint=f"check that sshd runs there, and `ssh.port`: {shlex.join(['nc', '-vz', address, str(port)])}",
        )
    if isinstance(error, TimeoutError) or (error is not None and error.errno == errno.ETIMEDOUT):
        return ConnectTimeout(
            name,
            f"no answer from `{address}` port {port} within {timeout:g} s",
            hint=f"is it up, and does a firewall drop the packets? {shlex.join(['nc', '-vz', address, str(port)])}",
        )
    reason = (error.strerror or str(error)) if error else "no address"
    return Unreachable(
        name, f"cannot connect to `{address}` port {port}: {reason}", hint=shlex.join(["ip", "route", "get", address])
    )
