"""Host keys: looked at for a whole inventory at once, and recorded once a person has compared them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Literal

from provision.core.errors import HostError, HostKeyChanged, HostKeyUnknown, ProvisionError
from provision.core.files import followed
from provision.core.person import to_write
from provision.core.values import dataclass
from provision.inventory.models import Host
from provision.transport.connect import Opener
from provision.transport.hostkey import HostKey
from provision.transport.hostkeys import KnownHost, KnownHosts, forget, judge, read
from provision.transport.target import Target

Status = Literal["known", "new", "changed", "unreachable"]

_THREADS = 32

_ELSEWHERE = "name a file in `ssh.known_hosts`"


@dataclass(frozen=True, slots=True)
class ScannedKey:
    """What one host, or a jump host on the way, shows. `record`: how known_hosts calls it. `known_hosts`: the
    file that the host's connections read. `error`: why `changed` or `unreachable`."""

    host: str
    address: str
    port: int
    kind: str
    fingerprint: str
    status: Status
    error: HostError | None = None
    record: str = ""
    text: str = ""
    known_hosts: Path | None = None


def scan(hosts: Sequence[Host], *, cancel: threading.Event | None = None) -> list[ScannedKey]:
    """The keys of all hosts, in order, each jump host before the first host behind it. Logs in to none but
    the jump hosts; one whose key is new is gone through this once, so that all keys can be compared at once.
    """
    opener = Opener(cancel or threading.Event(), _judge_new_too)
    try:
        with ThreadPoolExecutor(_THREADS, "scan") as pool:
            found = list(pool.map(lambda host: _scan_host(opener, host), hosts))
    finally:
        opener.close()
    once: dict[tuple[str, str], ScannedKey] = {}
    for keys in found:
        for key in keys:
            # A jump host that shows different keys to different connections is worth two lines.
            once.setdefault((key.host if not key.record else key.record, key.text), key)
    return list(once.values())


def record(keys: Iterable[ScannedKey], known_hosts: Path, *, replace: bool = False) -> int:
    """Appends what is not in `known_hosts` yet; returns how many lines that were. The file is made owner-only
    if missing. Raises HostKeyChanged, with nothing written, if a key contradicts one on record and
    `replace` is not set; ProvisionError for what is no file, such as /dev/null; NoHome; OSError."""
    keys = [key for key in keys if key.text]
    path = to_write(known_hosts, _ELSEWHERE)
    if path.exists() and not path.is_file():
        raise ProvisionError(f"the keys cannot be recorded in `{path}`: it is not a file", hint=_ELSEWHERE)
    with _locked(path) as path:
        entries = list(read(path))
        stale: set[int] = set()
        lines: list[str] = []
        for key in keys:
            same = [entry for entry in entries if not entry.marker and entry.matches(key.record.lower())]
            line = f"{key.record} {key.kind} {key.text}"
            if any(entry.key == HostKey(key.kind, key.text) for entry in same) or line in lines:
                continue
            if same and not replace:
                raise _contradiction(key, same[0])
            stale.update(entry.line for entry in same)
            lines.append(line)
        if stale:
            _rewrite(path, stale, lines)
        elif lines:
            _append(path, lines)
    return len(lines)


def record_each(keys: Iterable[ScannedKey]) -> dict[Path, int]:
    """Each key in the file that its host's connections read → how many lines were added. Raises as `record`, and
    ProvisionError for a host without such a file, before anything is written."""
    files: dict[Path, list[ScannedKey]] = {}
    for key in keys:
        if key.known_hosts is None:
            raise ProvisionError(
                f"the key of {key.host} cannot be recorded: UserKnownHostsFile is `none` for it", hint=_ELSEWHERE
            )
        files.setdefault(key.known_hosts, []).append(key)
    return {file: record(of_file, file) for file, of_file in files.items()}


def _judge_new_too(target: Target, known: KnownHosts, shown: HostKey) -> None:
    with contextlib.suppress(HostKeyUnknown):
        judge(target, known, shown)


def _scan_host(opener: Opener, host: Host) -> list[ScannedKey]:
    try:
        target = opener.target(host)
    except HostError as error:
        return [ScannedKey(host.name, host.address, host.ssh.port or 22, "", "", "unreachable", error)]
    chain = [target]
    while chain[-1].jump is not None:
        chain.append(chain[-1].jump)
    return [_scan_target(opener, hop, host.name if hop is target else "") for hop in reversed(chain)]


def _scan_target(opener: Opener, target: Target, name: str) -> ScannedKey:
    target = target if name else replace(target, name=f"jump {target.address}")
    blank = ScannedKey(
        target.name,
        target.address,
        target.port,
        "",
        "",
        "unreachable",
        known_hosts=_first_file(target),
    )
    try:
        key = opener.look(target)
    except HostError as error:
        return replace(blank, error=error)
    seen = replace(blank, kind=key.kind, fingerprint=key.fingerprint, record=target.record, text=key.text)
    try:
        judge(target, opener.known_hosts(target, key), key)
    except HostKeyUnknown:
        return replace(seen, status="new")
    except HostKeyChanged as error:
        return replace(seen, status="changed", error=error)
    except HostError as error:  # whether it is revoked cannot be found out
        return replace(blank, error=error)
    return replace(seen, status="known")


def _first_file(target: Target) -> Path | None:
    """Where OpenSSH would record a key; not in a device, where nobody would find it again."""
    files = [file for file in target.known_hosts if file.is_file() or not file.exists()]
    return next(iter((*files, *target.known_hosts)), None)


def _contradiction(key: ScannedKey, old: KnownHost) -> HostKeyChanged:
    return HostKeyChanged(
        key.host,
        f"its host key is {key.kind} {key.fingerprint}, "
        f"on record is {old.key.kind} {old.key.fingerprint} ({old.file}:{old.line})",
        hint=f"if the host was reinstalled: {forget(key.record, old.file)}",
    )


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[Path]:
    """Where it is, by links of ours. One writer at a time, also between processes. A rewrite puts another file in
    place: then the lock was on the old one, and is taken again."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        path = followed(path)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                yield path
                return
        finally:
            os.close(descriptor)


def _append(path: Path, lines: Sequence[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    old = path.read_bytes()
    if old and not old.endswith(b"\n"):
        text = "\n" + text
    with path.open("ab") as file:
        file.write(text.encode())


def _rewrite(path: Path, stale: set[int], lines: Sequence[str]) -> None:
    """Lines that name several hosts are dropped whole: the others are asked about again, which is safe."""
    old = path.read_text("utf-8", "surrogateescape").splitlines()
    kept = [line for number, line in enumerate(old, 1) if number not in stale]
    beside = path.with_name(f".provision-{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(beside, flags, path.stat().st_mode & 0o777)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write("".join(f"{line}\n" for line in (*kept, *lines)))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
