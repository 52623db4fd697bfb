"""The ssh-agent: which keys it holds, and their signatures. One that fails or stalls costs its keys, and not the login.

The protocol is draft-ietf-sshm-ssh-agent; paramiko's own client waits for an agent for ever, and a key that cannot sign
(a security key that nobody touches) ends the connection.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import paramiko
from paramiko.agent import AgentKey

_LIST, _LISTED, _SIGN, _SIGNED = 11, 12, 13, 14

#: Signature flags by algorithm (section 4.5.1). Without one, an RSA key signs with SHA-1.
_FLAGS = {"rsa-sha2-256": 2, "rsa-sha2-512": 4}

#: Bytes: an answer is no longer than what an agent may hold.
_MOST = 1 << 20


class AgentFailed(Exception):
    """Why the agent, or one of its keys, cannot be used."""


class Agent:
    """One connection to the agent at `path`. `patience`: seconds for each answer. `failed` hears of each failure once.

    Raises AgentFailed."""

    def __init__(self, path: str, patience: float) -> None:
        self._dead = ""
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.settimeout(patience)
        self._path, self._patience = path, patience
        try:
            self._sock.connect(path)
        except OSError as error:
            self._sock.close()
            raise AgentFailed(f"the agent at `{path}` cannot be reached: {_reason(error)}") from error

    def keys(self, failed: Callable[[AgentFailed], None]) -> list[HeldKey]:
        answer = paramiko.Message(self._ask(bytes([_LIST]), _LISTED))
        found = []
        for _ in range(answer.get_int()):
            blob, comment = answer.get_string(), answer.get_string()
            if not blob:
                raise AgentFailed(f"the agent at `{self._path}` failed: its answer makes no sense")
            try:
                found.append(HeldKey(self, blob, comment.decode("utf-8", "replace"), failed))
            except (paramiko.SSHException, ValueError, IndexError, struct.error):
                continue  # of a kind that is not known here
        return found

    def sign(self, blob: bytes, data: bytes, algorithm: str) -> bytes:
        request = paramiko.Message()
        request.add_byte(bytes([_SIGN]))
        request.add_string(blob)
        request.add_string(data)
        request.add_int(_FLAGS.get(algorithm.partition("-cert-")[0], 0))
        return paramiko.Message(self._ask(request.asbytes(), _SIGNED)).get_string()

    def close(self) -> None:
        self._sock.close()

    def _ask(self, request: bytes, expected: int) -> bytes:
        if self._dead:
            raise AgentFailed(self._dead)
        try:
            self._sock.sendall(struct.pack(">I", len(request)) + request)
            (size,) = struct.unpack(">I", self._read(4))
            if not 0 < size <= _MOST:
                raise OSError("its answer makes no sense")
            answer = self._read(size)
        except OSError as error:
            # What it may still send would be taken for the answer to another question.
            self._dead = f"the agent at `{self._path}` failed: {_reason(error)}"
            if isinstance(error, TimeoutError):
                self._dead = f"the agent at `{self._path}` did not answer within {self._patience:g} s"
            raise AgentFailed(self._dead) from error
        if answer[0] != expected:
            raise AgentFailed("the agent refused")
        return answer[1:]

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            part = self._sock.recv(size - len(found))
            if not part:
                raise OSError("it closed the connection")
            found += part
        return found


class HeldKey(AgentKey):
    """A key of the agent. One that cannot sign gives a signature that no server accepts, and `failed` hears why: an
    exception here, in paramiko's thread, would end the connection, and with it the other keys' chance."""

    def __init__(self, held_by: Agent, blob: bytes, comment: str, failed: Callable[[AgentFailed], None]) -> None:
        super().__init__(held_by, blob, comment)  # type: ignore[arg-type]
        self._held_by = held_by
        self._failed = failed

    @property
    def label(self) -> str:
        return self.comment or self.fingerprint

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> bytes:  # type: ignore[override]
        try:
            return self._held_by.sign(self.asbytes(), data, algorithm or self.name)
        except AgentFailed as problem:
            self._failed(AgentFailed(f"agent key {self.label} cannot sign: {problem}"))
        nothing = paramiko.Message()
        nothing.add_string(algorithm or self.name)
        nothing.add_string(b"")
        return nothing.asbytes()


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
