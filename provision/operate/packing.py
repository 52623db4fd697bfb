"""A bundle is written: a new file, whole or not at all, for its owner alone."""

from __future__ import annotations

import gzip
import io
import os
import secrets
import tarfile
from collections.abc import Mapping
from pathlib import Path

from provision.core.errors import ProvisionError, UsageError
from provision.diagnosis.archive import ENDS, is_bundle


def require_new(path: Path) -> None:
    """Before any host is asked. Raises UsageError where a bundle cannot be written: nothing that is there is replaced,
    nor is a link followed."""
    if not is_bundle(path):
        raise UsageError(f"`{path}` is no name of a bundle, expected one that ends in {' or '.join(ENDS)}")
    if os.path.lexists(path):
        raise UsageError(f"`{path}` exists already, and is not written over", hint="name another file with `--out`")
    if not path.parent.is_dir():
        raise UsageError(f"there is no folder `{path.parent}`", hint="name a file in one that there is with `--out`")


def pack(files: Mapping[str, str], folder: str, at: float) -> bytes:
    """The archive: everything lies in one folder."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", mtime=at) as stream, tarfile.open(fileobj=stream, mode="w") as tar:
        for name, text in files.items():
            data = text.encode("utf-8", "replace")
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size, member.mode, member.mtime = len(data), 0o600, int(at)
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


def write_new(path: Path, data: bytes) -> None:
    """Raises UsageError if something is there by now, ProvisionError if it cannot be written."""
    fresh = path.with_name(f".provision-{secrets.token_hex(8)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            # Unlike a rename, this fails where something is there.
            os.link(fresh, path, follow_symlinks=False)
        finally:
            fresh.unlink(missing_ok=True)
    except FileExistsError:
        raise UsageError(f"`{path}` exists by now, and is not written over", hint="name another file") from None
    except OSError as error:
        raise ProvisionError(f"`{path}` cannot be written: {(error.strerror or str(error)).lower()}") from error
