"""Key files: private keys in OpenSSH's formats and in PKCS#8, public keys whose private half an agent holds."""

from __future__ import annotations

import base64
import binascii
import copy
import io
import shlex
import threading
from collections.abc import Iterable
from dataclasses import field
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from paramiko.agent import AgentKey

from provision.core.private import open_to_others
from provision.core.reading import read_given
from provision.core.values import dataclass

_PUBLIC = ("ssh-", "ecdsa-", "sk-")


class AuthProblem(Exception):
    """Why a key cannot be used. `in_agent`: unless an agent holds it."""

    def __init__(self, message: str, hint: str, *, in_agent: bool = False) -> None:
        super().__init__(message)
        self.hint = hint
        self.in_agent = in_agent


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


def certified(key: paramiko.PKey, certificates: Iterable[Path]) -> paramiko.PKey:
    """`key` with the first of `certificates` that is for it, if there is one."""
    for path in certificates:
        try:
            blob = base64.b64decode(read_given(path).decode("utf-8", "replace").split()[1])
            message = paramiko.Message(blob)
            kind, _nonce = message.get_text(), message.get_string()
        except (OSError, IndexError, ValueError):
            continue
        own = paramiko.Message(key.asbytes())
        name = own.get_text()
        if kind.startswith(name) and message.get_remainder().startswith(own.get_remainder()):
            # Of a file, the key is shared by all connections; one of the agent belongs to this connection alone.
            with_it = key if isinstance(key, AgentKey) else copy.copy(key)
            with_it.load_certificate(str(path))
            return with_it
    return key


def public_part(path: Path) -> bytes:
    """The public half of a key: the file itself, the `.pub` beside it, else the open part of an encrypted one."""
    beside = path.with_name(path.name + ".pub")
    try:
        text = read_given(path).decode("utf-8", "replace") if path.exists() else ""
        if text.startswith(_PUBLIC) or beside.exists():
            text = text if text.startswith(_PUBLIC) else read_given(beside).decode("utf-8", "replace")
            return base64.b64decode(text.split()[1])
        raw = base64.b64decode("".join(line for line in text.splitlines() if line and not line.startswith("-")))
    except (OSError, IndexError, binascii.Error, UnicodeDecodeError):
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
                in_agent=True,
            )
        if text.startswith(b"PuTTY-User-Key-File"):
            hint = f"puttygen {typed} -O private-openssh -o {shlex.quote(f'{path}.openssh')}"
            raise AuthProblem(f"`{path}` is a key of PuTTY's, in a form of its own", hint)
        # As OpenSSH does: a key that others could have read is no proof of who comes.
        if mode := open_to_others(path):
            raise AuthProblem(f"`{path}` is open to others (mode {mode})", f"chmod 600 {typed}")
        pkcs8 = b"-BEGIN PRIVATE KEY-" in text or b"-BEGIN ENCRYPTED PRIVATE KEY-" in text
        key = _from_pkcs8(text) if pkcs8 else paramiko.PKey.from_path(path)
    except FileNotFoundError:
        # As OpenSSH does with `ssh -i key.pub`: the private half may be in the agent alone.
        raise AuthProblem(
            f"there is no key file `{path}`",
            "correct `ssh.key`, or make one: ssh-keygen",
            in_agent=path.with_name(path.name + ".pub").exists(),
        ) from None
    except (paramiko.PasswordRequiredException, TypeError):
        # TypeError: what the cryptography package raises for an encrypted key without a password.
        raise AuthProblem(
            f"`{path}` is encrypted, and the agent does not hold it", f"ssh-add {typed}", in_agent=True
        ) from None
    except OSError as error:
        raise AuthProblem(f"`{path}` cannot be read: {error.strerror}", f"ls -l {typed}") from error
    except (paramiko.SSHException, ValueError, IndexError, UnsupportedAlgorithm) as error:
        raise AuthProblem(
            f"`{path}` is not a private key that can be used: {error}", f"ssh-keygen -y -f {typed}"
        ) from error
    certificate = path.with_name(path.name + "-cert.pub")
    if certificate.exists():
        key.load_certificate(str(certificate))
    return key


def _from_pkcs8(text: bytes) -> paramiko.PKey:
    """paramiko reads OpenSSH's own format, which the same key can be written in."""
    loaded = serialization.load_pem_private_key(text, password=None)
    written = loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode("ascii")
    kinds: tuple[type[paramiko.PKey], ...] = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
    for kind in kinds:
        try:
            return kind.from_private_key(io.StringIO(written))
        except paramiko.SSHException:
            continue
    raise paramiko.SSHException("its type is not known")
