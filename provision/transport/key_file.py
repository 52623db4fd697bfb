"""Key files: private keys in OpenSSH's formats and in PKCS#8, public keys whose private half an agent holds."""

from __future__ import annotations

import base64
import copy
import io
import re
import shlex
import struct
import threading
from collections.abc import Iterable, Iterator
from dataclasses import field
from pathlib import Path
from typing import Any

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from paramiko.agent import AgentKey

from provision.core.private import open_to_others
from provision.core.reading import read_given
from provision.core.values import dataclass

_PUBLIC = ("ssh-", "ecdsa-", "sk-")

#: What may stand around the key in PEM: `openssl` writes a curve's parameters, or attributes, before it.
_PEM = re.compile(rb"-----BEGIN ((?:[A-Z]+ )?PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)


_KINDS: tuple[tuple[Any, type[paramiko.PKey]], ...] = (
    (ed25519.Ed25519PrivateKey, paramiko.Ed25519Key),
    (ec.EllipticCurvePrivateKey, paramiko.ECDSAKey),
    (rsa.RSAPrivateKey, paramiko.RSAKey),
)


class AuthProblem(Exception):
    """Why a key cannot be used, unless an agent holds it."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass
class KeyRing:
    """Private key files, each parsed once and shared by all connections of a run."""

    _keys: dict[Path, paramiko.PKey | AuthProblem] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self, path: Path) -> paramiko.PKey:
        """Raises AuthProblem."""
        with self._lock:
            if path not in self._keys:
                try:
                    self._keys[path] = _load(path)
                except AuthProblem as problem:
                    self._keys[path] = problem
            found = self._keys[path]
        if isinstance(found, AuthProblem):
            raise found
        return found


def beside(path: Path) -> Path:
    """Where the certificate of a key file lies, if it has one."""
    return path.with_name(path.name + "-cert.pub")


def certified(key: paramiko.PKey, certificates: Iterable[Path]) -> Iterator[paramiko.PKey]:
    """`key` with each of `certificates` that is for it, then as it is: a certificate may have expired, or be another
    user's, where the host knows the key itself. Of the agent's keys one is used up when the next is asked for."""
    for path in dict.fromkeys(certificates):
        try:
            text = read_given(path).decode("utf-8", "replace")
            message = paramiko.Message(base64.b64decode(text.split()[1]))
            kind, _nonce = message.get_text(), message.get_string()
            own = paramiko.Message(key.asbytes())
            name = own.get_text()
            if not kind.startswith(f"{name}-cert-") or not message.get_remainder().startswith(own.get_remainder()):
                continue
            # Of a file, the key is shared by all connections; one of the agent belongs to this connection alone.
            with_it = key if isinstance(key, AgentKey) else copy.copy(key)
            with_it.load_certificate(" ".join(text.split()[:2]))
        except (OSError, IndexError, ValueError, struct.error, paramiko.SSHException):
            continue  # OpenSSH passes over it, too
        yield with_it
    if isinstance(key, AgentKey):
        key.public_blob = None
    yield key


def public_part(path: Path) -> bytes:
    """The public half of a key: the file itself, the `.pub` beside it, else the open part of an encrypted one."""
    beside = path.with_name(path.name + ".pub")
    try:
        text = read_given(path).decode("utf-8", "replace") if path.exists() else ""
        if text.startswith(_PUBLIC) or beside.exists():
            text = text if text.startswith(_PUBLIC) else read_given(beside).decode("utf-8", "replace")
            return base64.b64decode(text.split()[1])
        raw = base64.b64decode("".join(line for line in text.splitlines() if line and not line.startswith("-")))
    except (OSError, IndexError, ValueError):
        return b""
    magic = b"openssh-key-v1\0"
    if not raw.startswith(magic):
        return b""
    message = paramiko.Message(raw[len(magic) :])
    for _ in ("cipher", "kdf", "kdf options"):
        message.get_string()
    message.get_int()
    return message.get_string()


def _load(path: Path) -> paramiko.PKey:
    typed = shlex.quote(str(path))
    try:
        text = read_given(path)
        if text.startswith(tuple(start.encode() for start in _PUBLIC)):
            raise AuthProblem(
                f"`{path}` is a public key, and the agent does not hold its private half",
                f"ssh-add {shlex.quote(str(path).removesuffix('.pub'))}",
            )
        if text.startswith(b"PuTTY-User-Key-File"):
            hint = f"puttygen {typed} -O private-openssh -o {shlex.quote(f'{path}.openssh')}"
            raise AuthProblem(f"`{path}` is a key of PuTTY's, in a form of its own", hint)
        # As OpenSSH does: a key that others could have read is no proof of who comes.
        if mode := open_to_others(path):
            raise AuthProblem(f"`{path}` is open to others (mode {mode})", f"chmod 600 {typed}")
        return _parsed(text)
    except FileNotFoundError:
        raise AuthProblem(f"there is no key file `{path}`", "correct `ssh.key`, or make one: ssh-keygen") from None
    except (paramiko.PasswordRequiredException, TypeError):
        # TypeError: what the cryptography package raises for an encrypted key without a password.
        raise AuthProblem(f"`{path}` is encrypted, and the agent does not hold it", f"ssh-add {typed}") from None
    except OSError as error:
        raise AuthProblem(f"`{path}` cannot be read: {error.strerror}", f"ls -l {typed}") from error
    except UnsupportedAlgorithm as error:  # OpenSSH's agent may know it, such as a security key
        raise AuthProblem(f"`{path}` can be used from the agent alone: {error}", f"ssh-add {typed}") from error
    except (paramiko.SSHException, ValueError, IndexError) as error:
        raise AuthProblem(
            f"`{path}` is not a private key that can be used: {error}", f"ssh-keygen -y -f {typed}"
        ) from error


def _parsed(text: bytes) -> paramiko.PKey:
    """paramiko reads OpenSSH's own format, which the same key can be written in."""
    found = _PEM.search(text)
    if found is None or found[1].startswith(b"OPENSSH"):
        loaded: Any = serialization.load_ssh_private_key(text, password=None)
    else:
        loaded = serialization.load_pem_private_key(found[0], password=None)
    written = loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode("ascii")
    for theirs, ours in _KINDS:
        if isinstance(loaded, theirs):
            return ours.from_private_key(io.StringIO(written))
    raise paramiko.SSHException("its type is not known")
