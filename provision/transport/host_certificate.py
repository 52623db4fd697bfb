"""Host certificates: what an authority of known_hosts (`@cert-authority`) has signed for a host (OpenSSH's
PROTOCOL.certkeys)."""

from __future__ import annotations

import base64
import re
import struct
import time

import paramiko

from provision.core.values import dataclass
from provision.transport.algorithms import SIGNATURES
from provision.transport.hostkey import HostKey

#: How many strings or numbers a public key consists of, by the beginning of its type's name.
_FIELDS = (("ssh-ed25519", 1), ("ecdsa-", 2), ("ssh-rsa", 2), ("rsa-", 2))

_FOR_HOSTS = 2

#: What reading one that is none may end in.
_BROKEN = (StopIteration, ValueError, IndexError, struct.error, paramiko.SSHException)


@dataclass(frozen=True)
class Certificate:
    """`signer`: the authority's key. `after` and `before`: seconds since the epoch."""

    signer: HostKey
    principals: tuple[str, ...]
    for_hosts: bool
    after: int
    before: int
    critical: bool
    genuine: bool

    def problem(self, host: str) -> str:
        """Why it does not vouch for `host`; empty if it does."""
        now = time.time()
        if not self.genuine:
            return "its signature is wrong, or made with an algorithm that is not accepted"
        if not self.for_hosts:
            return "it is a user's certificate"
        if now < self.after:
            return "it is not valid yet"
        if now >= self.before:
            return "it has expired"
        if self.critical:
            return "it has options that are not known here"
        if not any(_matches(pattern, host) for pattern in self.principals):
            return f"it is for {', '.join(f'`{name}`' for name in self.principals) or 'no host'}, not `{host}`"
        return ""


def _opened(message: paramiko.Message) -> tuple[str, list[bytes]]:
    """The kind of certificate, and the parts of the key that it is for; the message is read as far as that. Raises one
    of _BROKEN."""
    kind = message.get_text()
    fields = next(count for start, count in _FIELDS if kind.startswith(start))
    message.get_string()  # the nonce
    return kind, [message.get_string() for _ in range(fields)]


def certified_key(blob: bytes) -> bytes:
    """The public key that a certificate is for; empty for what is no certificate."""
    try:
        kind, numbers = _opened(paramiko.Message(blob))
    except _BROKEN:
        return b""
    name, is_certificate, _ = kind.partition("-cert-")
    if not is_certificate:
        return b""
    key = paramiko.Message()
    key.add_string(name)
    for number in numbers:
        key.add_string(number)
    return key.asbytes()


def read(blob: bytes) -> Certificate | None:
    """None for what is no certificate."""
    try:
        message = paramiko.Message(blob)
        _opened(message)
        message.get_int64()
        usage = message.get_int()
        message.get_string()
        principals = paramiko.Message(message.get_string())
        after, before = message.get_int64(), message.get_int64()
        critical, _extensions, _reserved, signer = (message.get_string() for _ in range(4))
        signed = message.get_so_far()
        signature = message.get_string()
        if not signature or message.get_remainder():
            return None
        names = []
        while name := principals.get_string():
            names.append(name.decode("utf-8", "replace"))
        kind_of_signer = paramiko.Message(signer).get_text()
    except _BROKEN:
        return None
    return Certificate(
        HostKey(kind_of_signer, base64.b64encode(signer).decode()),
        tuple(names),
        usage == _FOR_HOSTS,
        after,
        before,
        bool(critical),
        _genuine(kind_of_signer, signer, signed, signature),
    )


def _genuine(kind: str, signer: bytes, signed: bytes, signature: bytes) -> bool:
    if paramiko.Message(signature).get_text() not in SIGNATURES:
        return False
    try:
        key = paramiko.PKey.from_type_string(kind, signer)
        return bool(key.verify_ssh_sig(signed, paramiko.Message(signature)))
    except (ValueError, IndexError, struct.error, paramiko.SSHException):
        return False


def _matches(pattern: str, host: str) -> bool:
    """As OpenSSH matches names: `*` and `?`, and nothing else."""
    parts = re.split(r"([*?])", pattern.lower())
    regex = "".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(regex, host.lower(), re.DOTALL) is not None
