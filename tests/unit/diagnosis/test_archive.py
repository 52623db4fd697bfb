"""A bundle from a stranger: read in bounds, and nothing of it reaches the disk."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from provision import explain
from provision.core.errors import ProvisionError, UsageError
from provision.diagnosis import archive
from provision.diagnosis.archive import read_bundle
from provision.operate.packing import pack, require_new, write_new

OOM = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79 GiB\n"


def written(path: Path, add: Callable[[tarfile.TarFile], None]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        add(tar)
    return path


def file(name: str, data: bytes = b"x", kind: bytes = tarfile.REGTYPE) -> Callable[[tarfile.TarFile], None]:
    def add(tar: tarfile.TarFile) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname, member.size = kind, "/etc/passwd", len(data) if kind == tarfile.REGTYPE else 0
        tar.addfile(member, io.BytesIO(data))

    return add


def test_what_was_packed_is_read_and_explained_by_host(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    write_new(path, pack({"manifest.json": "{}", "check.txt": OOM, "logs/gpu-01/vllm.log": OOM}, "a", 1.0))
    assert read_bundle(path) == {"manifest.json": "{}", "check.txt": OOM, "logs/gpu-01/vllm.log": OOM}
    assert path.stat().st_mode & 0o777 == 0o600
    found = explain(path)
    assert found.host == "gpu-01" and found.id.startswith("cuda-out-of-memory")


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (file("a/../../evil"), "names a place outside of itself"),
        (file("/etc/evil"), "names a place outside of itself"),
        (file("a/link", kind=tarfile.SYMTYPE), "which is no ordinary file"),
        (file("a/link", kind=tarfile.LNKTYPE), "which is no ordinary file"),
        (file("a/device", kind=tarfile.CHRTYPE), "which is no ordinary file"),
        (file("a/large", b"\0" * 3000), "has more than"),
    ],
)
def test_what_would_lead_elsewhere_or_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, add: Callable[[tarfile.TarFile], None], message: str
) -> None:
    monkeypatch.setattr(archive, "LONGEST", 2000)
    with pytest.raises(ProvisionError, match=message):
        read_bundle(written(tmp_path / "a.tar.gz", add))


def test_a_header_that_unpacks_to_more_than_there_is_room_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name itself is what is long: it is read before the size of any file is known."""
    monkeypatch.setattr(archive, "MOST", 2**20)
    with pytest.raises(ProvisionError, match="has more than 1 MiB"):
        read_bundle(written(tmp_path / "a.tar.gz", file("a/" + "n" * 2**22)))


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "FILES", 3)
    with pytest.raises(ProvisionError, match="more than 3 files"):
        read_bundle(written(tmp_path / "a.tar.gz", lambda tar: [file(f"a/{i}")(tar) for i in range(5)] and None))


@pytest.mark.parametrize(
    "content",
    [b"", b"no gzip", gzip.compress(b"no archive " * 100), gzip.compress(b"x" * 600)[:20]],
    ids=["empty", "no gzip", "no archive", "cut off"],  # there is a time in what gzip writes
)
def test_what_is_no_bundle_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(content)
    with pytest.raises(ProvisionError, match="is not a bundle"):
        read_bundle(path)
    with pytest.raises(UsageError, match="there is no file"):
        read_bundle(tmp_path / "b.tar.gz")


def test_nothing_is_written_over_and_no_link_is_followed(tmp_path: Path) -> None:
    there, link = tmp_path / "there.tar.gz", tmp_path / "link.tar.gz"
    link.symlink_to(there)
    for path in (link, there):
        if path is there:
            there.write_text("kept")
        with pytest.raises(UsageError, match="exists already"):
            require_new(path)
        with pytest.raises(UsageError, match="exists by now"):
            write_new(path, b"other")
    assert there.read_text() == "kept" and sorted(p.name for p in tmp_path.iterdir()) == [link.name, there.name]
    with pytest.raises(UsageError, match=r"ends in \.tar\.gz"):
        require_new(tmp_path / "a.zip")
