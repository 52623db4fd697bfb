"""An image as `docker save` writes it, made of folders of this machine: no daemon, no registry, and for the same files
the same bytes each time."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

#: What stays out of a layer: mounts of a running container.
LEFT_OUT = frozenset({"proc", "sys", "dev", "run"})
EPOCH = "1970-01-01T00:00:00Z"
BLOCK = tarfile.BLOCKSIZE


class Hashed(io.RawIOBase):
    """Writes through to `file`, and knows what went by."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest, self.size = file, hashlib.sha256(), 0

    def write(self, data: Any) -> int:
        self.digest.update(data)
        self.size += len(data)
        return self._file.write(data)


def write_image(
    target: Path,
    name: str,
    layers: Sequence[Path],
    variables: Mapping[str, str],
    without: Collection[str] = (),
) -> str:
    """`name:tag`, made of the folders `layers`, the lowest first; `variables`: its environment; `without`: files and
    folders that it does not need. The digest of its configuration, by which every daemon knows it."""
    part = target.with_suffix(".part")
    diffs, files = [], []
    with part.open("wb") as out:
        for number, folder in enumerate(layers):
            diffs.append(_layer(out, f"layer-{number}.tar", folder, without))
            files.append(f"layer-{number}.tar")
        config = json.dumps({
            "architecture": "amd64",
            "os": "linux",
            "created": EPOCH,
            "config": {"Env": [f"{key}={value}" for key, value in variables.items()], "Cmd": ["/bin/sh"]},
            "rootfs": {"type": "layers", "diff_ids": diffs},
            "history": [{"created": EPOCH, "created_by": folder.name} for folder in layers],
        }).encode()  # fmt: skip
        digest = hashlib.sha256(config).hexdigest()
        manifest = [{"Config": f"{digest}.json", "RepoTags": [name], "Layers": files}]
        with tarfile.open(fileobj=out, mode="w|") as tar:
            for file, text in ((f"{digest}.json", config), ("manifest.json", json.dumps(manifest).encode())):
                entry = tarfile.TarInfo(file)
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text))
    part.rename(target)
    return f"sha256:{digest}"


def _layer(out: IO[bytes], name: str, folder: Path, without: Collection[str]) -> str:
    """Writes a layer into the archive where it stands; how long it has become is written in front of it last."""
    start = out.tell()
    out.write(bytes(BLOCK))
    hashed = Hashed(out)

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        return None if entry.name in without else _plain(entry)

    with tarfile.open(fileobj=hashed, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(folder.iterdir()):
            if path.name not in LEFT_OUT:
                tar.add(path, path.name, filter=plain)
    entry = tarfile.TarInfo(name)
    entry.size = hashed.size
    out.write(bytes(-hashed.size % BLOCK))
    end = out.tell()
    out.seek(start)
    out.write(entry.tobuf(tarfile.USTAR_FORMAT if hashed.size < 8 << 30 else tarfile.GNU_FORMAT))
    out.seek(end)
    return f"sha256:{hashed.digest.hexdigest()}"


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Devices stay out, and times: they are not what an image is about."""
    if not (entry.isfile() or entry.isdir() or entry.issym() or entry.islnk()):
        return None
    entry.mtime, entry.uname, entry.gname = 0, "", ""
    return entry
