"""A bundle (`provision bundle`) as somebody sent it: read in memory and never unpacked, so that no path in it leads
anywhere, and in bounds, whatever it claims to hold."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, cast

from provision.core.errors import ProvisionError, UsageError
from provision.core.reading import open_given
from provision.core.visible import visible

#: What a bundle's name ends in.
ENDS = (".tar.gz", ".tgz")

#: Bytes of all that is in one, unpacked, with the headers; and how many files. A bundle of ours has a quarter of that.
MOST, FILES = 128 * 2**20, 4096

#: Bytes of one of them.
LONGEST = 32 * 2**20

#: The folder of the logs, with a folder for each host.
LOGS = "logs"

#: The first file of each, which says what it is.
MANIFEST = "manifest.json"


def is_bundle(path: Path) -> bool:
    """By its name."""
    return path.name.endswith(ENDS)


def holds_bundle(path: Path) -> bool:
    """Whether it begins as a bundle does: other archives may be of logs alone."""
    if not (is_bundle(path) and path.is_file()):
        return False
    try:
        with _opened(path) as tar:
            first = tar.next()
            return first is not None and PurePosixPath(first.name).name == MANIFEST
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError):
        return False


def read_bundle(path: Path) -> dict[str, str]:
    """Its files as text, by their paths below its one folder. Raises UsageError if there is none, ProvisionError for
    what is not a bundle, names a place outside of it, or is larger than one."""
    found: dict[str, str] = {}
    try:
        with _opened(path) as tar:
            for count, member in enumerate(tar, 1):
                if count > FILES:
                    raise ProvisionError(f"`{path}` holds more than {FILES} files: that is no bundle")
                name = _place(member.name, path)
                if member.isdir():
                    continue
                if not member.isreg():
                    raise ProvisionError(f"`{path}` holds `{visible(member.name)}`, which is no ordinary file")
                if member.size > LONGEST:
                    raise ProvisionError(f"`{visible(member.name)}` in `{path}` has more than {LONGEST >> 20} MiB")
                content = tar.extractfile(member)
                assert content is not None
                found[name] = content.read(LONGEST).replace(b"\0", b"").decode("utf-8", "replace")
    except FileNotFoundError:
        raise UsageError(f"there is no file `{path}`", hint="`provision bundle` writes one") from None
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile, ValueError) as error:
        raise ProvisionError(f"`{path}` is not a bundle: {error}", hint="`provision bundle` writes one") from None
    except OSError as error:
        raise ProvisionError(f"`{path}` cannot be read: {error.strerror or error}") from error
    return found


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    with (
        open_given(path) as packed,
        gzip.GzipFile(fileobj=packed) as unpacked,
        tarfile.open(fileobj=cast("IO[bytes]", _Bounded(unpacked, path)), mode="r|", errors="replace") as tar,
    ):
        yield tar


def _place(name: str, path: Path) -> str:
    """The path below the first folder. Raises ProvisionError for one that leads elsewhere."""
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise ProvisionError(f"`{path}` names a place outside of itself: `{visible(name)}`")
    return "/".join(parts[1:]) or parts[0]


class _Bounded:
    """A stream that ends with an error where it is longer than a bundle: a small file may hold any number of zeros."""

    def __init__(self, stream: gzip.GzipFile, path: Path) -> None:
        self._stream, self._path, self._left = stream, path, MOST

    def read(self, size: int) -> bytes:
        data = self._stream.read(min(size, 2**20))
        self._left -= len(data)
        if self._left < 0:
            raise ProvisionError(f"`{self._path}` has more than {MOST >> 20} MiB: that is no bundle")
        return data
