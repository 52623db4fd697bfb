"""Authentication: the keys to try, in order, and the error if none is accepted."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import shlex
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from paramiko.agent import Agent, AgentKey

from provision.core.errors import AuthFailed
from provision.core.person import expanded
from provision.core.private import open_to_others
from provision.transport.target import Target

#: What OpenSSH tries if nothing is said, the ones that paramiko speaks.
DEFAULT_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")


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


class AuthProblem(Exception):
    """Why a key file cannot be used."""

    def __init__(self, message: str, hint: str, *, encrypted: bool = False) -> None:
        super().__init__(message)
        self.hint = hint
        self.encrypted = encrypted


@dataclass
class Attempt:
    """One target's keys: what was tried, and why the rest was not."""

    target: Target
    ring: KeyRing
    tried: list[str] = field(default_factory=list)
    problems: list[AuthProblem] = field(default_factory=list)

    def authenticate(self, transport: paramiko.Transport) -> None:
        """Raises AuthFailed; lets a broken connection's exceptions through."""
        with contextlib.closing(_LazyAgent()) as agent:
            for label, key in self._candidates(agent):
                self.tried.append(label)
                try:
                    further = transport.auth_publickey(self.target.user, key)
                except paramiko.BadAuthenticationType as error:
                    raise self._failure(f"it does not accept keys, only {', '.join(error.allowed_types)}") from error
                except paramiko.AuthenticationException as error:
                    if "pubkey algorithm" in str(error):
                        self.problems.append(_no_signature(label, transport))
                    if not transport.is_active():
                        raise self._failure("too many keys were offered", "set `ssh.key` in the inventory") from None
                    continue
                if further:
                    raise self._failure(f"after the key it also wants {', '.join(further)}")
                return
        raise self._failure(f"it refuses user `{self.target.user}`" if self.tried else "there is no key to try")

    def _candidates(self, agent: _LazyAgent) -> Iterator[tuple[str, paramiko.PKey]]:
        target = self.target
        if not target.explicit:
            for held in agent.held():
                yield f"agent key {held.comment or held.fingerprint}", held
        files = target.keys
        if not target.explicit:
            defaults = (expanded(name) for name in DEFAULT_KEYS)
            files = tuple(dict.fromkeys((*files, *(path for path in defaults if os.access(path, os.F_OK)))))
        for path in files:
            try:
                yield str(path), self.ring.load(path)
            except AuthProblem as problem:
                in_agent = agent.holds(path) if problem.encrypted and target.explicit else None
                if in_agent is not None:
                    yield f"{path} (in the agent)", in_agent
                else:
                    self.problems.append(problem)

    def _failure(self, reason: str, hint: str = "") -> AuthFailed:
        evidence = [f"tried {label}" for label in self.tried] + [str(problem) for problem in self.problems]
        if not hint:
            hint = self.problems[0].hint if self.problems else f"try it by hand: {self.target.ssh}"
        return AuthFailed(
            self.target.name,
            f"cannot log in to `{self.target.address}` as `{self.target.user}`: {reason}",
            evidence=evidence,
            hint=hint,
        )


class _LazyAgent:
    """The agent, asked only if needed. One per connection: its socket is not for several threads."""

    def __init__(self) -> None:
        self._agent: Agent | None = None

    def held(self) -> tuple[AgentKey, ...]:
        if self._agent is None:
            try:
                self._agent = Agent()
            except (paramiko.SSHException, OSError):
                return ()
        return self._agent.get_keys()

    def holds(self, path: Path) -> AgentKey | None:
        public = _public_part(path)
        return next((key for key in self.held() if public and key.asbytes() == public), None)

    def close(self) -> None:
        if self._agent is not None:
            self._agent.close()


def _no_signature(label: str, transport: paramiko.Transport) -> AuthProblem:
    """A server that takes an RSA key's signatures with SHA-1 alone, which OpenSSH refuses to make."""
    extensions: dict[str, bytes] = getattr(transport, "server_extensions", {})
    listed = extensions.get("server-sig-algs", b"").decode("utf-8", "replace").split(",")
    ours = [name for name in transport.preferred_pubkeys if "rsa" in name and "cert" not in name]
    offered, accepted = (", ".join(f"`{name}`" for name in names) for names in (listed, ours))
    return AuthProblem(
        f"{label} cannot sign: no signature algorithm in common: it accepts {offered}; made here: {accepted}",
        "update its sshd, or make a key of another type: ssh-keygen -t ed25519",
    )


def _typed(path: Path) -> str:
    return shlex.quote(str(path))


def _load(path: Path) -> paramiko.PKey:
    # As OpenSSH does: a key that others could have read is no proof of who comes.
    if mode := open_to_others(path):
        raise AuthProblem(f"`{path}` is open to others (mode {mode})", f"chmod 600 {shlex.quote(str(path))}")
    try:
        key = paramiko.PKey.from_path(path)
    except FileNotFoundError:
        raise AuthProblem(f"there is no key file `{path}`", "correct `ssh.key`, or make one: ssh-keygen") from None
    except (paramiko.PasswordRequiredException, TypeError):
        # TypeError: what the cryptography package raises for an encrypted key without a password.
        raise AuthProblem(
            f"`{path}` is encrypted, and the agent does not hold it", f"ssh-add {_typed(path)}", encrypted=True
        ) from None
    except OSError as error:
        raise AuthProblem(f"`{path}` cannot be read: {error.strerror}", f"ls -l {_typed(path)}") from error
    except (paramiko.SSHException, ValueError, IndexError) as error:
        raise AuthProblem(
            f"`{path}` is not a private key that can be used: {error}", f"ssh-keygen -y -f {_typed(path)}"
        ) from error
    certificate = path.with_name(path.name + "-cert.pub")
    if certificate.exists():
        key.load_certificate(str(certificate))
    return key


def _public_part(path: Path) -> bytes:
    """The public half of an encrypted key: from the `.pub` beside it, else from the file's open part."""
    beside = path.with_name(path.name + ".pub")
    try:
        if beside.exists():
            return base64.b64decode(beside.read_text("utf-8", "replace").split()[1])
        lines = [line for line in path.read_text("utf-8", "replace").splitlines() if line and not line.startswith("-")]
        raw = base64.b64decode("".join(lines))
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
