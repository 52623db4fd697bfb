"""Which algorithms a connection may use: of those that paramiko has, the ones that OpenSSH's client accepts by default.

paramiko goes on to offer some that OpenSSH has given up, such as 3des-cbc, hmac-md5, group1 and SHA-1 signatures. The
lists are those of myproposal.h in OpenSSH 8.8 to 10; `ssh -G -F none host` prints them.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import paramiko
from paramiko.common import CONNECTION_FAILED_CODE

from provision.core.values import dataclass

SIGNATURES = (
    *(
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "rsa-sha2-512",
        "rsa-sha2-256",
    ),
    *("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"),
)

#: What is behind the name of a key's algorithm in that of its certificates.
_CERTIFIED = "-cert-v01@openssh.com"

#: By paramiko's name for a kind. Curve25519 costs a fraction of group exchange, and aes128-gcm is the fastest that
#: paramiko has: they come first.
ACCEPTED: Mapping[str, tuple[str, ...]] = {
    "kex": (
        *("curve25519-sha256@libssh.org", "curve25519-sha256", "ecdh-sha2-nistp256", "mlkem768x25519-sha256"),
        *("ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "diffie-hellman-group16-sha512"),
        *("diffie-hellman-group18-sha512", "diffie-hellman-group-exchange-sha256", "diffie-hellman-group14-sha256"),
    ),
    "ciphers": ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"),
    "digests": (
        *("hmac-sha2-256-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-512"),
        *("hmac-sha1-etm@openssh.com", "hmac-sha1"),
    ),
    "key_types": SIGNATURES,
}

#: Lines of what a server says that are kept.
_MOST_SENTENCES = 20

# Characters of each; bytes of what a server says before its version, for which OpenSSH has about as many.
_LONGEST_SENTENCE = 500
_LONGEST_GREETING = 64 << 10

# In the answer to a request for a channel (RFC 4254, 5.1).
_CONNECT_FAILED = 2

#: What our kinds are called in sshd_config and in messages, in the order of a key exchange message (RFC 4253, 7.1).
_KINDS = (
    ("kex", "KexAlgorithms", "key exchange"),
    ("key_types", "HostKeyAlgorithms", "host key algorithm"),
    ("ciphers", "Ciphers", "cipher"),
    ("ciphers", "Ciphers", "cipher"),
    ("digests", "MACs", "MAC"),
    ("digests", "MACs", "MAC"),
)


def host_key_algorithms(said: str) -> tuple[str, ...]:
    """What HostKeyAlgorithms of ssh_config leaves of those that are accepted here; none where it takes nothing away.
    `ssh -G` prints names; in a file there may be patterns, `+` and `^` before what is added, `-` before what is not."""
    if not said or said[0] in "+^":
        return ()
    patterns = said.lstrip("-").split(",")
    every = [*SIGNATURES, *(f"{name.removesuffix('@openssh.com')}{_CERTIFIED}" for name in SIGNATURES)]
    left = [name for name in every if any(fnmatchcase(name, one) for one in patterns) != said.startswith("-")]
    return () if len(left) == len(every) else tuple(left) or (said,)


@dataclass(frozen=True)
class Disagreement:
    """One kind of algorithm of which the two sides have none in common. `setting`: its name in sshd_config."""

    kind: str
    setting: str
    offered: tuple[str, ...]
    accepted: tuple[str, ...]

    @property
    def text(self) -> str:
        offered, accepted = (", ".join(f"`{name}`" for name in names) for names in (self.offered, self.accepted))
        return f"no {self.kind} in common: it offers {offered or 'none'}; accepted here: {accepted}"


#: Seconds for a thread that has nothing more to do: more, and it hangs in the kernel (paramiko#520).
_ENDING = 2.0


class Client(paramiko.Transport):
    """A transport that uses nothing else, and remembers what the server offers."""

    def __init__(self, sock: object) -> None:
        super().__init__(sock, disabled_algorithms={"pubkeys": _refused("pubkeys", SIGNATURES)})  # type: ignore[arg-type]
        self._offered: list[tuple[str, ...]] = []
        #: The host's certificate is asked for before its plain keys, or before the plain key of the same type; and the
        #: algorithms that its key may have, if not all that are accepted.
        self.wants_certificate = False
        self.wants_signer = False
        self.host_keys: tuple[str, ...] = ()
        self._greeting: list[str] = []
        self._farewell: list[str] = []
        self._banner = ""
        self._asking = threading.local()
        self._refusals: dict[int, paramiko.ChannelException] = {}
        packetizer: Any = self.packetizer
        self._read, self._heard = packetizer._read_timeout, 0
        packetizer._read_timeout = self._some
        self._readline = self.packetizer.readline
        self.packetizer.readline = self._listening  # type: ignore[method-assign]
        options = self.get_security_options()
        for kind, accepted in ACCEPTED.items():
            setattr(options, kind, tuple(name for name in accepted if name in getattr(options, kind)))

    def close(self) -> None:
        """Where the host has closed first, paramiko leaves its thread to end by itself, which a program may see."""
        super().close()
        if self.is_alive() and self is not threading.current_thread():
            self.join(_ENDING)

    def _next_channel(self) -> int:
        self._asking.channel = number = int(super()._next_channel())  # type: ignore[misc]
        return number

    def open_channel(self, *asked: Any, **more: Any) -> paramiko.Channel:
        """Of several that are refused at a time paramiko remembers one, which may be another thread's. Raises as it
        does; the text of a connection that failed behind the server is the server's own."""
        self._asking.channel = -1
        try:
            return super().open_channel(*asked, **more)
        except paramiko.SSHException as error:
            raise self._refusals.pop(self._asking.channel, error) from None

    def _parse_channel_open_failure(self, m: paramiko.Message) -> None:
        message = paramiko.Message(m.asbytes())
        number, code = message.get_int(), message.get_int()
        said = " ".join(message.get_string().decode("utf-8", "replace").split())[:_LONGEST_SENTENCE]
        if number in self.channel_events:  # and not what a server makes up
            told = said if code == _CONNECT_FAILED else ""
            self._refusals[number] = paramiko.ChannelException(code, told or CONNECTION_FAILED_CODE.get(code, said))
        super()._parse_channel_open_failure(m)  # type: ignore[misc]

    def _parse_kex_init(self, m: paramiko.Message) -> None:
        message = paramiko.Message(m.asbytes())
        message.get_bytes(16)  # the cookie
        self._offered = [tuple(message.get_list()) for _ in _KINDS]
        super()._parse_kex_init(m)  # type: ignore[misc]

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        names = tuple(name for name in super().preferred_keys if not self.host_keys or name in self.host_keys)
        if self.wants_certificate:
            return tuple(sorted(names, key=lambda name: "-cert-" not in name))
        if not self.wants_signer:
            return names
        plain = [name for name in names if "-cert-" not in name]
        paired = [one for name in plain for one in (f"{name}{_CERTIFIED}", name) if one in names]
        return tuple(dict.fromkeys((*paired, *names)))

    def _some(self, timeout: float) -> bytes:
        """Of what comes before the version: paramiko waits for the end of a line however long that gets."""
        data: bytes = self._read(timeout)
        self._heard += len(data)
        if self._heard > _LONGEST_GREETING:
            raise paramiko.SSHException(f": more than {_LONGEST_GREETING >> 10} KiB came before its version")
        return data

    def _listening(self, timeout: float) -> str:
        """What a server says before its version (`Exceeded MaxStartups`) is lost to paramiko, which also waits for no
        more than 2 s after a line of it."""
        line: str = self._readline(self.banner_timeout)
        if not line.startswith("SSH-"):
            self._greeting.append(line)
        return line

    def _parse_disconnect(self, m: paramiko.Message) -> None:
        message = paramiko.Message(m.asbytes())
        message.get_int()
        self._farewell.append(message.get_string().decode("utf-8", "replace"))
        super()._parse_disconnect(m)  # type: ignore[misc]

    def sentences(self) -> list[str]:
        """All that the server has said for people to read, in order: before its version, as a banner, at the end."""
        self.keep_banner()
        parts = (*self._greeting, self._banner, *self._farewell)
        lines = (line.strip() for part in parts for line in part.splitlines())
        return [line[:_LONGEST_SENTENCE] for line in lines if line][-_MOST_SENTENCES:]

    def keep_banner(self) -> None:
        """paramiko forgets it with the next attempt, and with the connection."""
        banner = getattr(self.auth_handler, "banner", None)
        if banner:
            self._banner = banner.decode("utf-8", "replace") if isinstance(banner, bytes) else str(banner)

    def disagreement(self) -> Disagreement | None:
        """None if the server has not said what it offers, or there is a choice of each kind."""
        options = self.get_security_options()
        for (name, setting, kind), offered in zip(_KINDS, self._offered, strict=False):
            accepted: Sequence[str] = self.preferred_keys if name == "key_types" else getattr(options, name)
            if not set(offered) & set(accepted):
                real = tuple(one for one in offered if not one.startswith(("ext-info-", "kex-strict-")))
                return Disagreement(kind, setting, real, tuple(accepted))
        return None


def _refused(kind: str, accepted: Sequence[str]) -> list[str]:
    """What paramiko would use of `kind`, and OpenSSH would not."""
    return [name for name in getattr(paramiko.Transport, f"_preferred_{kind}") if name not in accepted]
