"""Makes as much of a new environment as is the same in a finished one: no package of it has to be fetched again.

A package is taken over if the lock names the same files for it, its RECORD is the one that was sealed, and all of its
files are what that says. It shares its content with the old environment: as a clone, where the file system has them,
so that whoever edits one leaves the other as it is. Elsewhere as a hard link, but for text, which people edit where it
lies, and which is copied. What names the environment, or is written when a package is installed (programs, all of a
`.dist-info`), is a file of its own. Bytecode is not taken over, since nothing says what it is of.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from provision.payload.records.files import as_listed, chunks, fault, read, remove
from provision.payload.records.seal import PACKAGES, Damaged, Seal
from provision.payload.records.site import Record, Way, sites, together

#: linux/fs.h, the same on x86-64 and on aarch64.
FICLONE = 0x40049409

#: What a file system answers that has no clones, or none between these two.
_NO_CLONES = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM)
#: The same of hard links, or that a file has as many as it can have.
_NO_LINKS = (errno.EOPNOTSUPP, errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOSYS)


def reuse(env: str, base: str, compiled: bool) -> set[str]:
    """Normalized names of the packages that `env` has by now, which is an empty environment before. `base`: a finished
    one of the same Python. `compiled`: bytecode will be made, also in the place of what a wheel has brought."""
    same = _same(env, base)
    if not same:
        return set()
    share, places, owned, done = Sharing(), Places(base, env), Owned(base), set()
    for site in sites(base, Seal(base)):
        names = [record.name for record in site.records]
        candidates = [r for r in site.records if r.name in same and not r.why and names.count(r.name) == 1]
        sound_one = partial(_sound, listed=together(site.records), owned=owned, places=places, compiled=compiled)
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            sound = list(pool.map(sound_one, candidates))
            taken = [record for record, well in zip(candidates, sound) if well]
            list(pool.map(partial(_take, places=places, share=share, compiled=compiled), taken))
        done |= {record.name for record in taken}
    return done


def _same(env: str, base: str) -> set[str]:
    """Names of the packages of which both were made from the same files."""
    with contextlib.suppress(OSError, ValueError, Damaged):
        if not Seal(base).knows(os.path.join(base, PACKAGES)):
            return set()
        new, old = (read(os.path.join(place, PACKAGES)) for place in (env, base))
        if not Seal(base).holds(os.path.join(base, PACKAGES), old):
            return set()
        kind, *lines = new.decode("utf-8").splitlines()
        other, *before = old.decode("utf-8").splitlines()
        if kind and kind == other:
            return {line.split()[0] for line in set(lines) & set(before) if line.strip()}
    return set()


class Owned:
    """Whether a file is ours alone, as one is that we would make now: its folders, too."""

    def __init__(self, base: str) -> None:
        mask = os.umask(0o077)
        os.umask(mask)
        self._readers = 0o444 & ~mask
        self._base = base
        self._way = Way(base)
        self._folders: dict[str, bool] = {}

    def __call__(self, path: str) -> bool:
        there = os.lstat(path)
        return (
            not self._way(path)
            and stat.S_ISREG(there.st_mode)
            and self._ours(there)
            and there.st_mode & self._readers == self._readers
            and self._folder(os.path.dirname(path))
        )

    def _folder(self, folder: str) -> bool:
        if folder not in self._folders:
            above = folder == self._base or self._folder(os.path.dirname(folder))
            self._folders[folder] = above and self._ours(os.stat(folder))
        return self._folders[folder]

    @staticmethod
    def _ours(there: os.stat_result) -> bool:
        return there.st_uid == os.geteuid() and not there.st_mode & 0o022


def _sound(
    record: Record, listed: dict[str, list[tuple[str, str, str]]], owned: Owned, places: Places, compiled: bool
) -> bool:
    """Whether all that it brought is there, and is what it brought."""
    own = os.path.join(record.site, record.file)
    if {path for path in record.paths if path != own} != {*record.checked, *record.bytecode}:
        return False
    bytecode = {} if compiled else record.bytecode
    try:
        return (
            owned(own)
            and all(owned(path) and not fault(path, listed[path]) and places.can_move(path) for path in record.checked)
            and all(owned(path) and not fault(path, [row[1:]]) for path, row in bytecode.items())
        )
    except OSError:
        return False


class Places:
    """The folders of the old environment and of the new one, as scripts name them: below a link, uv may have written
    either path."""

    def __init__(self, base: str, env: str) -> None:
        self.base, self.env = base, env
        self._programs = os.path.join(base, "bin") + os.sep
        self._names = os.fsencode(os.path.basename(base))
        both = ((base, env), (os.path.realpath(base), os.path.realpath(env)))
        self._moves = [(os.fsencode(old + os.sep), os.fsencode(new + os.sep)) for old, new in both]

    def target(self, path: str) -> str:
        return os.path.join(self.env, os.path.relpath(path, self.base))

    def names_base(self, path: str) -> bool:
        if not path.startswith(self._programs):
            return False
        with open(path, "rb") as file:
            return file.read(2) == b"#!" and self._names in b"".join(_interpreter(file.read(8192))[0])

    def can_move(self, path: str) -> bool:
        return not self.names_base(path) or self._names not in b"".join(_interpreter(self.moved(read(path)))[0])

    def moved(self, script: bytes) -> bytes:
        head, rest = _interpreter(script)
        for old, new in self._moves:
            head = [line.replace(old, new) for line in head]
        return b"\n".join([*head, *rest])


def _interpreter(script: bytes) -> tuple[list[bytes], list[bytes]]:
    """The lines that say what runs it, and the rest: uv takes two where the path is too long for one."""
    lines = script.split(b"\n", 2)
    return lines[:2], lines[2:]


class Sharing:
    """Gives a second file the same content, without writing it twice where that can be: an edit of one must not reach
    the other, unless it is of what nobody edits by hand."""

    def __init__(self) -> None:
        self._clones = True
        self._links = True

    def __call__(self, source: str, target: str) -> None:
        if self._clones and self._clone(source, target):
            return
        if self._links and not is_text(source):
            try:
                os.link(source, target, follow_symlinks=False)
                return
            except FileExistsError:
                return  # of another package as well, which brought the same
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                self._links = error.errno == errno.EMLINK
        copy(source, target)

    def _clone(self, source: str, target: str) -> bool:
        try:
            with open(source, "rb") as old, open(target, "xb") as new:
                fcntl.ioctl(new, FICLONE, old.fileno())
                os.fchmod(new.fileno(), stat.S_IMODE(os.fstat(old.fileno()).st_mode))
            return True
        except FileExistsError:
            return True
        except OSError as error:
            remove(target)
            if error.errno not in _NO_CLONES:
                raise
            self._clones = False
            return False


def is_text(path: str) -> bool:
    """As git decides it: by its beginning, in which compiled code and arrays have a NUL."""
    with open(path, "rb") as file:
        return b"\0" not in file.read(8000)


def copy(source: str, target: str) -> None:
    """In blocks: a library may have gigabytes."""
    with contextlib.suppress(FileExistsError), open(target, "xb") as new:
        for chunk in chunks(source):
            new.write(chunk)
        os.fchmod(new.fileno(), stat.S_IMODE(os.stat(source).st_mode))


def create(target: str, content: bytes, like: str) -> None:
    with contextlib.suppress(FileExistsError), open(target, "xb") as new:
        new.write(content)
        os.fchmod(new.fileno(), stat.S_IMODE(os.stat(like).st_mode))


def _take(record: Record, places: Places, share: Sharing, compiled: bool) -> None:
    own = os.path.join(record.site, record.file)
    info = os.path.join(record.site, record.package) + os.sep
    listing = read(own)
    for path, row in record.checked.items():
        target = places.target(path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if places.names_base(path):
            script = places.moved(read(path))
            create(target, script, path)
            listing = _listed_anew(listing, row, script)
        elif path.startswith(info):
            copy(path, target)
        else:
            share(path, target)
    for path in () if compiled else record.bytecode:
        os.makedirs(os.path.dirname(places.target(path)), exist_ok=True)
        copy(path, places.target(path))
    create(places.target(own), listing, own)


def _listed_anew(listing: bytes, row: tuple[str, str, str, str], content: bytes) -> bytes:
    name, kind, digest, size = row
    fresh = as_listed(hashlib.new(kind, content).digest())
    was, now = f"{kind}={digest},{size}".encode(), f"{kind}={fresh},{len(content)}".encode()
    start = (os.fsencode(name) + b",", b'"' + os.fsencode(name) + b'",')
    return b"\n".join(line.replace(was, now) if line.startswith(start) else line for line in listing.split(b"\n"))


def missing(env: str, done: Collection[str]) -> Iterator[str]:
    """Of the lock that `env` is made from: the lines of each package that is not in `done`, as pip reads them."""
    stanza: list[str] = []
    for line in [*read(os.path.join(env, "provision.lock")).decode("utf-8").splitlines(), "end"]:
        if stanza and not line.startswith(" "):
            if stanza[0].partition("==")[0] not in done:
                yield "".join(f"{part}\n" for part in stanza)
            stanza = []
        stanza.append(line)
