"""known_hosts: read once per file, looked up without parsing any key; and the judgement over a server's key."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import shlex
import threading
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from provision.core.errors import HostKeyChanged, HostKeyUnknown
from provision.core.reading import read_given
from provision.core.values import dataclass
from provision.transport.host_certificate import read as read_certificate
from provision.transport.hostkey import HostKey
from provision.transport.known_command import COMMAND, printed
from provision.transport.revoked import refuse_revoked
from provision.transport.target import Target

#: The command that records keys; who knows the inventory's own name puts it here.
TRUST = "`provision trust`"


@dataclass(frozen=True, slots=True)
class KnownHost:
    """One line of known_hosts. `marker` is empty, `@revoked` or `@cert-authority`."""

    file: Path
    line: int
    marker: str
    names: str
    key: HostKey

    def matches(self, name: str) -> bool:
        """`names` is a hash, or a list of patterns of which none that begins with `!` may match."""
        if self.names.startswith("|1|"):
            return _hash_matches(self.names, name)
        found = False
        for pattern in self.names.lower().split(","):
            if fnmatchcase(name, pattern.removeprefix("!").replace("[", "[[]")):
                if pattern.startswith("!"):
                    return False
                found = True
        return found

    @property
    def plain(self) -> bool:
        return not (self.names.startswith("|") or any(sign in self.names for sign in "*?!"))


class KnownHosts:
    """Several files as one. Thread-safe: the files are read when made, and never again."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = tuple(files)
        self._plain: dict[str, list[KnownHost]] = {}
        self._patterns: list[KnownHost] = []
        self._printed: tuple[KnownHost, ...] = ()
        self._printed_for = ""
        self._found: dict[str, list[KnownHost]] = {}
        for file in files:
            for entry in read(file):
                if entry.plain:
                    for name in entry.names.lower().split(","):
                        self._plain.setdefault(name, []).append(entry)
                else:
                    self._patterns.append(entry)

    def lookup(self, name: str) -> list[KnownHost]:
        name = name.lower()
        if name not in self._found:  # each line with a hashed name costs a digest
            self._found[name] = self._plain.get(name, []) + [entry for entry in self._patterns if entry.matches(name)]
        # As for OpenSSH, what was printed for a host with its port is no answer for the name alone.
        printed = (entry for entry in self._printed if entry.marker == "@revoked" or name == self._printed_for)
        return self._found[name] + [entry for entry in printed if entry.matches(name)]

    def and_printed(self, text: str, name: str) -> KnownHosts:
        """With what KnownHostsCommand has printed for the host that known_hosts calls `name`."""
        both = copy.copy(self)
        both._printed, both._printed_for = tuple(_entries(text, COMMAND)), name.lower()
        return both


class KnownHostsFiles:
    """Each set of files is read once and shared by all connections of a run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: dict[tuple[Path, ...], KnownHosts] = {}

    def of(self, target: Target, shown: HostKey | None = None) -> KnownHosts:
        """Raises Unreachable where KnownHostsCommand fails. `shown`: the host's key, once there is one."""
        known = self._of_files(target)
        if not target.known_command or target.pin:
            return known
        return known.and_printed(printed(target, shown), target.record)

    def _of_files(self, target: Target) -> KnownHosts:
        files = (*target.known_hosts, *target.global_known_hosts)
        with self._lock:
            if files not in self._read:
                self._read[files] = KnownHosts(files)
            return self._read[files]


def read(file: Path) -> Iterator[KnownHost]:
    """The entries of a known_hosts file; none if there is no such file, or it cannot be read. Lines that cannot be read
    are left out, as OpenSSH does."""
    try:
        if file.is_char_device():
            return  # /dev/null, and what would never end
        text = read_given(file).decode("utf-8", "replace")
    except OSError:
        return
    yield from _entries(text, file)


def _entries(text: str, file: Path) -> Iterator[KnownHost]:
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        if len(words) >= 3:
            yield KnownHost(file, number, marker, words[0], HostKey(words[1], words[2]))


def expected(target: Target, known: KnownHosts) -> tuple[HostKey, ...]:
    """The keys the server may show: the pinned one, else those on record. Empty: the host is unknown."""
    if target.pin:
        return (pinned(target),)
    return tuple(entry.key for entry in _plain(target.record, known) or _plain(target.portless, known))


def authorities(target: Target, known: KnownHosts) -> list[KnownHost]:
    """Who may vouch for the host, unless its key is pinned."""
    return [] if target.pin else [entry for entry in _all(target, known) if entry.marker == "@cert-authority"]


def revokes(target: Target, known: KnownHosts) -> bool:
    """Whether an authority may be revoked for the host: only its certificate tells."""
    return bool(target.revoked) or any(entry.marker == "@revoked" for entry in _all(target, known))


def _all(target: Target, known: KnownHosts) -> tuple[KnownHost, ...]:
    """Of the host at its port, then at each."""
    return (*known.lookup(target.record), *known.lookup(target.portless))


def _plain(name: str, known: KnownHosts) -> list[KnownHost]:
    return [entry for entry in known.lookup(name) if not entry.marker]


def pinned(target: Target) -> HostKey:
    kind, _, rest = target.pin.strip().partition(" ")
    return HostKey(kind, rest.split()[0] if rest.split() else "")


def judge(target: Target, known: KnownHosts, shown: HostKey) -> None:
    """Returns if `shown` is the key we trust `target` to have. Raises HostKeyUnknown or HostKeyChanged; Unreachable if
    that cannot be found out."""
    certificate = read_certificate(shown.certificate) if shown.certificate else None
    keys = (shown, certificate.signer) if certificate is not None else (shown,)
    for key in keys:
        refuse_revoked(target, key)
    # Revoked for the host is revoked for each of its ports.
    for entry in _all(target, known):
        if entry.marker == "@revoked" and entry.key in keys:
            raise HostKeyChanged(
                target.name,
                f"{target.host_key} {shown.fingerprint} is marked as revoked at {entry.file}:{entry.line}",
                hint="give the host a new key: ssh-keygen -A",
            )
    if target.pin:
        if pinned(target) != shown:
            raise HostKeyChanged(
                target.name,
                f"{target.host_key} is {shown.kind} {shown.fingerprint}, "
                f"the inventory pins {pinned(target).kind} {pinned(target).fingerprint}",
                hint="if the host was reinstalled, correct `ssh.host_key`; if not, someone may be intercepting "
                "the connection",
            )
        return
    refused: HostKeyChanged | None = None
    for entry in authorities(target, known):
        if certificate is None or entry.key != certificate.signer:
            continue
        problem = certificate.problem(target.portless)
        if not problem:
            return
        refused = HostKeyChanged(
            target.name,
            f"{target.host_key} has a certificate of the authority at {entry.file}:{entry.line}, and {problem}",
            hint="have the authority sign the host's key again, with its name: ssh-keygen -s ca -h -n NAME key.pub",
        )
    trusted = _plain(target.record, known)
    # Without its certificate, a host is known by its key.
    if any(entry.key == shown for entry in trusted or _plain(target.portless, known)):
        return
    if refused is not None:
        raise refused
    if not trusted:
        raise _unknown(target, known, shown)
    # The old key of the same type tells most; another type means that the recorded key is gone.
    old = next((entry for entry in trusted if entry.key.kind == shown.kind), trusted[0])
    raise HostKeyChanged(
        target.name,
        f"{target.host_key} has changed: on record {old.key.kind} {old.key.fingerprint} ({old.file}:{old.line}), "
        f"now {shown.kind} {shown.fingerprint}",
        hint=f"if the host was reinstalled: {forget(target.record, old.file)}, "
        f"then {TRUST}; if not, someone may be intercepting the connection"
        if old.file != COMMAND
        else "if the host was reinstalled, correct what KnownHostsCommand of ssh_config prints; if not, someone may be "
        "intercepting the connection",
    )


def _unknown(target: Target, known: KnownHosts, shown: HostKey) -> HostKeyUnknown:
    message = f"{target.host_key} ({shown.kind} {shown.fingerprint}) is not known"
    for file in known.files:
        try:
            if not file.is_char_device():
                read_given(file)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            message += f", and `{file}` cannot be read: {(error.strerror or str(error)).lower()}"
            return HostKeyUnknown(target.name, message, hint=shlex.join(["ls", "-ld", str(file)]))
    return HostKeyUnknown(target.name, message, hint=f"compare the fingerprint, then run {TRUST}")


def forget(record: str, file: Path) -> str:
    """The command that removes a host's keys from `file`."""
    return shlex.join(["ssh-keygen", "-R", record, "-f", str(file)])


def _hash_matches(names: str, name: str) -> bool:
    try:
        _, _, salt, digest = names.split("|")
        want, key = base64.b64decode(digest), base64.b64decode(salt)
    except ValueError:
        return False
    return hmac.compare_digest(hmac.new(key, name.encode(), hashlib.sha1).digest(), want)
