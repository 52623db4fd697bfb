"""Authentication: the keys to try, in order, and the error if none is accepted."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from pathlib import Path

import paramiko

from provision.core.errors import AuthFailed
from provision.core.person import expanded
from provision.core.values import dataclass
from provision.transport.agent import Agent, AgentFailed, HeldKey
from provision.transport.algorithms import Client
from provision.transport.handshake import Transient
from provision.transport.key_file import AuthProblem, KeyRing, beside, certified, public_part
from provision.transport.target import DEFAULT_KEYS, Target

#: Of a target's time, what an agent may take for one answer: then there is some left for the other keys.
_AGENTS_SHARE = 0.4


# What pam_nologin, systemd and others say while a machine starts: it may let us in a moment later.
_NOT_YET = ("booting up", "not permitted to log in yet", "nologin")


#: Keys after which a host that accepts none of them can be asked once more: sshd counts that as well (MaxAuthTries).
_FEW = 2

#: Neither a file nor an agent has one.
NO_KEY = "name its file in `ssh.key`, or give one to the agent: ssh-add"


@dataclass
class Attempt:
    """One target's keys: what was tried, and why the rest was not."""

    target: Target
    ring: KeyRing
    tried: list[str] = field(default_factory=list)
    problems: list[AuthProblem] = field(default_factory=list)
    _transport: Client | None = None
    _heard: list[str] | None = None  # all that counts of what it said

    def authenticate(self, transport: Client) -> None:
        """Raises AuthFailed, or Transient for a host that lets nobody in yet; lets a broken connection's exceptions
        through."""
        self._transport = transport
        wanted: list[str] = []
        with contextlib.closing(_LazyAgent(self.target, self._agent_failed)) as agent:
            for label, key in self._candidates(agent):
                self.tried.append(label)
                try:
                    wanted = transport.auth_publickey(self.target.user, key)
                except paramiko.BadAuthenticationType as error:
                    if self._let_in(transport):
                        return
                    allowed = ", ".join(error.allowed_types) or "nothing"
                    raise self._failure(f"it does not accept keys, only {allowed}") from error
                except paramiko.AuthenticationException as error:
                    transport.keep_banner()
                    if "pubkey algorithm" in str(error):
                        self.problems.append(_no_signature(label, transport))
                    if not transport.is_active():
                        raise self._closed() from None
                    continue
                if not wanted:
                    return
                if "publickey" not in wanted:  # a second key
                    break
        if wanted:
            raise self._failure(f"after the key it also wants {', '.join(wanted)}")
        if len(self.tried) <= _FEW and self._let_in(transport):
            return
        if self.tried:
            raise self._failure("it accepts none of the keys that were tried for that user")
        raise self._failure("there is no key to try", "" if self.problems else NO_KEY)

    def _let_in(self, transport: Client) -> bool:
        """Whether the host asks for nothing: it knows who comes by another way, as Tailscale's server does."""
        said = transport.sentences()
        try:
            return not transport.auth_none(self.target.user)
        except (paramiko.SSHException, EOFError, OSError):
            transport.keep_banner()
            self._heard = said if self.tried and not transport.is_active() else None
            return False

    def _closed(self) -> Exception:
        """The server ended the connection in the middle: its own words say why."""
        said = self._transport.sentences() if self._transport is not None else []
        text = " ".join(said)
        if "Too many authentication failures" in text:
            return self._failure("too many keys were offered", "set `ssh.key` in the inventory")
        why = said[-1] if said else "it says nothing more"
        hint = f"see sshd's log there, and the account: chage -l {shlex.quote(self.target.user)}"
        error = self._failure(f"it closed the connection while logging in: {why}", hint)
        return Transient(error) if any(sign in text for sign in _NOT_YET) else error

    def _candidates(self, agent: _LazyAgent) -> Iterator[tuple[str, paramiko.PKey]]:
        """What was named first, so that an agent full of other keys does not use up the tries that a server allows."""
        target = self.target
        used: set[bytes] = set()
        for path in target.keys:
            try:
                label, key = str(path), self.ring.load(path)
            except AuthProblem as problem:
                # As OpenSSH does: the private half may be in the agent alone, or readable to nobody else.
                held = agent.holds(public_part(path))
                if held is None:
                    self.problems.append(problem)
                    continue
                label, key = f"{path} (in the agent)", held
            used.add(key.asbytes())
            yield from _each(label, key, (*target.certificates, beside(path)))
        if target.explicit:
            return
        for held in agent.held():
            if held.asbytes() not in used:
                yield from _each(f"agent key {held.label}", held, target.certificates)
        for path in map(expanded, DEFAULT_KEYS):
            if path not in target.keys and os.access(path, os.F_OK):
                try:
                    yield from _each(str(path), self.ring.load(path), (*target.certificates, beside(path)))
                except AuthProblem as problem:
                    self.problems.append(problem)

    def _agent_failed(self, problem: AgentFailed) -> None:
        if str(problem) not in map(str, self.problems):
            self.problems.append(AuthProblem(str(problem), "ssh-add -l"))

    def _failure(self, reason: str, hint: str = "") -> AuthFailed:
        evidence = [f"tried {label}" for label in self.tried] + [str(problem) for problem in self.problems]
        if self._transport is not None:
            heard = self._heard if self._heard is not None else self._transport.sentences()
            evidence += [f"it says: {line}" for line in heard]
        if not hint:
            hint = self.problems[0].hint if self.problems else f"try it by hand: {self.target.ssh}"
        return AuthFailed(
            self.target.name,
            f"cannot log in to {self.target.place} as `{self.target.user}`: {reason}",
            evidence=evidence,
            hint=hint,
        )


class _LazyAgent:
    """The agent, asked only if needed. One per connection: its socket is not for several threads."""

    def __init__(self, target: Target, failed: Callable[[AgentFailed], None]) -> None:
        self._target = target
        self._failed = failed
        self._agent: Agent | None = None
        self._keys: list[HeldKey] | None = None

    def held(self) -> list[HeldKey]:
        if self._keys is None:
            self._keys = []
            try:
                if self._target.agent:
                    self._agent = Agent(self._target.agent, self._target.timeout * _AGENTS_SHARE)
                    self._keys = self._agent.keys(self._failed)
            except AgentFailed as problem:
                self._failed(problem)
        return self._keys

    def holds(self, public: bytes) -> HeldKey | None:
        return next((key for key in self.held() if key.asbytes() == public), None) if public else None

    def close(self) -> None:
        if self._agent is not None:
            self._agent.close()


def _each(label: str, key: paramiko.PKey, certificates: Iterable[Path]) -> Iterator[tuple[str, paramiko.PKey]]:
    for one in certified(key, certificates):
        yield f"{label}, with its certificate" if one.public_blob is not None else label, one


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
