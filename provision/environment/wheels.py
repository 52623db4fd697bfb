"""The wheels of a lock, fetched once by the controller for hosts that have no way to an index.

They stay in a cache that all locks share: one folder per file, named by its sha256. pip fetches them, since it
is what knows indexes, tags and hashes; a wheel is there whole and verified, or not at all, so that an
interrupted fetch goes on where it stopped.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from provision.core.errors import LockError
from provision.core.private import private_folder
from provision.environment.ambient import ambient, for_pip, sealed
from provision.environment.cache import kept_in, sha256_of, wheel_cache
from provision.environment.indexes import INVESTIGATE, REPLACED, as_lines, find_links, folders, pip_index_variables
from provision.environment.lock_text import header_of
from provision.environment.lockfile import Lock, requirement
from provision.environment.resolve import decisive, indexes_used
from provision.inventory.models import Python
from provision.inventory.packages import PLATFORM

Say = Callable[[str], None]

#: Wheels for one run of pip: pip keeps nothing of a run that is interrupted, and takes half a second to start.
_PER_RUN = 8

#: One fetch at a time in this process: hosts that need the same wheels ask from several threads.
_ONE_FETCH = threading.Lock()


def fetch_wheels(
    lock: Lock, python: Python, cache: Path | None = None, *, base: Path | None = None, say: Say | None = None
) -> dict[str, Path]:
    """Normalized name → wheel, for every package of `lock`, verified against its hashes.

    What the cache holds is not fetched again. `base`: the folder that relative find-links start from; default:
    the lock's. Raises LockError, naming a package that has no wheel for these hosts; NoHome.
    """
    cache, say = cache or wheel_cache(), say or _silent
    with kept_in(cache):
        return _fetched(lock, python, cache, base or lock.path.parent, say)


def _fetched(lock: Lock, python: Python, cache: Path, base: Path, say: Say) -> dict[str, Path]:
    from provision.environment.built import take_in
    from provision.environment.local_wheels import take_local

    tags = target_tags(python)
    with one_fetch(cache, say):
        take_in(lock.path, header_of(lock.text), cache)
        held = {name: wheel for name in lock.packages if (wheel := _cached(cache, lock, name, tags, say))}
        missing = sorted(set(lock.packages) - set(held))
        # An index that serves another file than the locked one does not get in the way of it.
        for name in take_local(lock, python, base, missing, cache) if missing else ():
            if wheel := _cached(cache, lock, name, tags, say):
                held[name] = wheel
        missing = sorted(set(missing) - set(held))
        if missing:
            _Fetch(lock, python, cache, base, say, len(held)).run(missing)
            held |= {name: wheel for name in missing if (wheel := _cached(cache, lock, name, tags, say))}
    lost = sorted(set(lock.packages) - set(held))
    if lost:
        raise LockError(f"pip fetched no wheel that these hosts can use: {', '.join(lost)}")
    return held


def _silent(_: str) -> None:
    return


def target_tags(python: Python) -> dict[Tag, int]:
    """The tags that the hosts accept, best first → rank. Raises LockError for a platform that is not Linux
    with glibc."""
    major, minor = (int(part) for part in python.version.split(".")[:2])
    platforms = platform_tags(python.platform)
    own = cpython_tags((major, minor), abis=[f"cp{major}{minor}"], platforms=platforms)
    shared = compatible_tags((major, minor), interpreter=f"cp{major}{minor}", platforms=platforms)
    return {tag: rank for rank, tag in enumerate([*own, *shared])}


def platform_tags(platform: str) -> list[str]:
    """`x86_64-manylinux_2_28` → every platform tag that such a host accepts, newest first."""
    arch, glibc = _target(platform)
    # glibc 2.5 is the oldest that wheels for x86_64 were built on (PEP 513), 2.17 elsewhere (PEP 599).
    oldest = 5 if arch == "x86_64" else 17
    former = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
    tags = []
    for minor in range(glibc, oldest - 1, -1):
        tags.append(f"manylinux_2_{minor}_{arch}")
        tags += [f"{former[minor]}_{arch}"] if minor in former else []
    return [*tags, f"linux_{arch}"]


def architecture(platform: str) -> str:
    """`x86_64` or `aarch64`, as `uname -m` says it. Raises LockError, as `platform_tags`."""
    return _target(platform)[0]


def glibc(platform: str) -> str:
    """The oldest glibc that wheels for `platform` may need, such as `2.34`. Raises LockError, as above."""
    return f"2.{_target(platform)[1]}"


def misfit(platform: str, arch: str, libc: str) -> str:
    """What of a host is not what `platform` needs, `architecture` or `glibc`; empty for nothing, and for what the host
    did not say. Raises LockError, as above."""
    if arch and arch != architecture(platform):
        return "architecture"
    return "glibc" if libc and _numbers(libc) < _numbers(glibc(platform)) else ""


def _numbers(version: str) -> tuple[int, ...]:
    """However many digits a host prints."""
    return tuple(int(part[:9]) for part in version.split(".") if part.isdecimal())


def pip_download(
    python: Python, into: Path, requirements: str, *, base: Path, indexes: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Runs `pip download` for the hosts' Python and platform. What it did is in the result."""
    listed = into / "requirements.txt"
    here = ambient()
    links = find_links(python, base, here)
    listed.write_text(as_lines(links, indexes) + requirements, encoding="utf-8")
    major, minor = python.version.split(".")[:2]
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check",
        "--no-cache-dir", "--no-deps", "--only-binary=:all:", "--progress-bar=off",
        "--python-version", python.version, "--implementation", "cp", f"--abi=cp{major}{minor}",
        *(f"--platform={tag}" for tag in platform_tags(python.platform)),
        *(f"--find-links={folder}" for folder in folders(links)),
        "--dest", str(into), "-r", str(listed),
    ]  # fmt: skip
    # pip writes what it fetches to its temporary folder first: there need be no room in /tmp.
    env = {
        **sealed(proxies=python.proxies),
        **for_pip(here, python.proxies),
        **pip_index_variables(python, here),
        "TMPDIR": str(into),
    }
    # In a folder that exists: the one that this was started in may have been deleted.
    return subprocess.run(
        command, env=env, cwd=into, capture_output=True, encoding="utf-8", errors="replace", check=False
    )


class _Fetch:
    """One fetch of several wheels: two runs of pip at a time."""

    def __init__(self, lock: Lock, python: Python, cache: Path, base: Path, say: Say, held: int) -> None:
        self._lock, self._python, self._cache, self._base, self._say = lock, python, cache, base, say
        self._done, self._bytes, self._total = held, 0, len(lock.packages)
        self._counting = threading.Lock()
        self._ended = threading.Event()
        self._indexes = indexes_used(python, base) if python.torch_backend else []

    def run(self, names: Sequence[str]) -> None:
        self._say(f"fetching {len(names)} of {self._total} wheels")
        groups = [names[i : i + _PER_RUN] for i in range(0, len(names), _PER_RUN)]
        with ThreadPoolExecutor(2) as pool:
            try:
                for _ in pool.map(self._group, groups):
                    pass
            except BaseException:
                self._ended.set()
                raise

    def _group(self, names: Sequence[str]) -> None:
        # What waits in the pool would begin before anybody hears that another has failed.
        if self._ended.is_set():
            return
        try:
            self._fetch(names)
        except BaseException:
            self._ended.set()
            raise

    def _fetch(self, names: Sequence[str]) -> None:
        with tempfile.TemporaryDirectory(prefix=".part-", dir=self._cache) as folder:
            text = "--require-hashes\n" + "".join(requirement(self._lock, name) for name in names)
            done = pip_download(self._python, Path(folder), text, base=self._base, indexes=self._indexes)
            # pip stores all of a run's wheels or none.
            if done.returncode:
                raise self._error(done.stderr)
            for wheel in Path(folder).glob("*.whl"):
                self._keep(wheel)

    def _keep(self, wheel: Path) -> None:
        digest, size = sha256_of(wheel), wheel.stat().st_size
        folder = self._cache / digest
        private_folder(folder)
        kept = wheel.replace(folder / wheel.name)
        kept.chmod(0o600)
        with self._counting:
            self._done += 1
            self._bytes += size
            self._say(f"fetching wheels {self._done} of {self._total} ({self._bytes // 10**6} MB)")

    def _error(self, said: str) -> LockError:
        evidence = decisive(said)
        if "DO NOT MATCH THE HASHES" in said:
            return LockError(f"a wheel was {REPLACED}", evidence=evidence, hint=INVESTIGATE)
        if match := re.search(r"No matching distribution found for (\S+?)==(\S+)", said):
            name, target = canonicalize_name(match[1]), f"Python {self._python.version} on {self._python.platform}"
            return LockError(
                f"`{name}` {self._lock.packages.get(name, '')} has no wheel for {target}",
                evidence=evidence,
                hint="hosts build nothing: choose a version that has a wheel, or a newer python.platform; or "
                "put a wheel into a folder that python.find_links names, and run `provision lock --upgrade-package "
                f"{name}`",
            )
        for number in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            if os.strerror(number) in said:
                raise OSError(number, os.strerror(number), str(self._cache))  # as if we had written it ourselves
        return LockError("pip could not fetch the wheels", evidence=evidence, hint="run `provision up` again")


def _cached(cache: Path, lock: Lock, name: str, tags: Mapping[Tag, int], say: Say) -> Path | None:
    """The best wheel of a package that the cache holds, if these hosts can use one. The lock lists the hashes
    of all of a version's wheels, for every platform."""
    fits = []
    for entry in lock.hashes[name]:
        folder = cache / entry.removeprefix("sha256:")
        for wheel in folder.glob("*.whl") if folder.is_dir() else ():
            rank = min((tags[tag] for tag in _wheel_tags(wheel) if tag in tags), default=None)
            if rank is not None and _verified(wheel, folder, say):
                fits.append((rank, wheel))
    return min(fits)[1] if fits else None


def fits_tags(file: str, tags: Mapping[Tag, int]) -> bool:
    """Whether hosts of these `tags` can use a wheel of that name."""
    return any(tag in tags for tag in _wheel_tags(Path(file)))


def _wheel_tags(wheel: Path) -> frozenset[Tag]:
    try:
        return parse_wheel_filename(wheel.name)[3]
    except InvalidWheelFilename:
        return frozenset()


#: Wheels that this process has hashed, as they were then: many hosts are sent the same.
_HASHED: set[tuple[str, int, int, int, int]] = set()


def _verified(wheel: Path, folder: Path, say: Say) -> bool:
    """Hashed by every run that sends it: a disk that forgets a bit changes neither size nor time. What is not itself
    any more is thrown away."""
    seen = wheel.stat()
    key = (str(wheel), seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)
    if key in _HASHED:
        return True
    try:
        good = sha256_of(wheel) == folder.name
    except OSError as error:  # a sector that cannot be read
        if error.errno != errno.EIO:
            raise
        good = False
    if good:
        _HASHED.add(key)
        return True
    say(f"{wheel.name} is damaged in the cache: fetching it again")
    shutil.rmtree(folder)
    return False


def _target(platform: str) -> tuple[str, int]:
    if platform == "linux":
        return "x86_64", 28
    if (match := PLATFORM.match(platform)) is None:
        raise LockError(
            f"python.platform `{platform}` is not a Linux with glibc, for which wheels can be fetched from here",
            hint="such as `x86_64-manylinux_2_34` or `aarch64-manylinux_2_34`",
        )
    # What uv means by `unknown-linux-gnu` is glibc 2.28; manylinux2014 is 2.17 (PEP 599).
    return match[1], int(match[2] or (17 if match[3] else 28))


@contextmanager
def one_fetch(cache: Path, say: Say) -> Iterator[None]:
    """One fetch into this cache at a time, on this machine."""
    private_folder(cache)
    (cache / ".lock").touch(0o600)
    if _ONE_FETCH.locked():
        say("waiting for the wheels that are being fetched")
    # Not waited for, whatever lies there: a named pipe can be locked as well as a file.
    with _ONE_FETCH, os.fdopen(os.open(cache / ".lock", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC), "rb", 0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("waiting for another run that fetches wheels")
            fcntl.flock(file, fcntl.LOCK_EX)
        for left in cache.glob(".part-*"):  # of a run that was killed: nobody else is at it now
            shutil.rmtree(left, ignore_errors=True)
        yield
