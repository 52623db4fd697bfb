"""Files that somebody sent in, made to take the memory and the time of who reads them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from provision.core.errors import ProvisionError
from provision.diagnosis import contents as module
from provision.diagnosis.contents import LONGEST, contents, text_of
from provision.diagnosis.logs import read_logs
from provision.diagnosis.packed import unpack

MIB = 1 << 20


def header(name: str, size: int, kind: bytes = b"0", data: bytes = b"") -> bytes:
    entry = tarfile.TarInfo(name)
    entry.type, entry.size = kind, size
    return entry.tobuf(format=tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def negative() -> bytes:
    block = bytearray(header("a", 0))
    block[124:136] = tarfile.itn(-512, 12, tarfile.GNU_FORMAT)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


WHOLE = header("logs/gpu-01/vllm.log", 5, data=b"here\n")


@pytest.mark.parametrize(
    "rest",
    [
        header("pax", 24, b"x", b"24 GNU.sparse.map=a,b,c\n") + header("a", 0),
        header("pax", 1 << 40, b"x", b"0"),
        header("long", 1 << 33, b"L", b"0"),
        negative(),
        b"\xff" * 512,
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_of_a_damaged_archive_what_was_whole_is_read(
    tmp_path: Path, rest: bytes, pack: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "logs").write_bytes(pack(WHOLE + rest + bytes(1024)))
    assert list(contents(tmp_path / "logs")) == [("logs/gpu-01/vllm.log", "here\n")]


def test_a_header_that_unpacks_to_gigabytes_is_no_header(tmp_path: Path) -> None:
    bomb = tmp_path / "logs.tar.gz"
    with gzip.open(bomb, "wb", compresslevel=1) as packed:
        packed.write(WHOLE + header("pax", 3 * LONGEST, b"x"))
        for _ in range(3 * LONGEST // MIB):
            packed.write(bytes(MIB))
    tracemalloc.start()
    try:
        assert [name for name, _ in contents(bomb)] == ["logs/gpu-01/vllm.log"]
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()


def test_what_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_UNPACKED", 2 * MIB)
    packed = gzip.compress(b"x" * 3 * MIB)
    (tmp_path / "a.gz").write_bytes(packed)
    (tmp_path / "b.tar").write_bytes(header("b.gz", len(packed), data=packed) + bytes(1024))
    (tmp_path / "c.tar.gz").write_bytes(gzip.compress(header("c", 3 * MIB) + bytes(3 * MIB) + header("d", 0)))
    for name in ("a.gz", "b.tar", "c.tar.gz"):
        with pytest.raises(ProvisionError, match="unpacks to more than"):
            read_logs(tmp_path / name)


def test_an_archive_of_more_than_can_be_looked_at_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "logs.tar"
    archive.write_bytes(WHOLE * 4 + bytes(1024))
    monkeypatch.setattr(module, "_KEPT", 12)
    with pytest.raises(ProvisionError, match="holds more than"):
        read_logs(archive)
    monkeypatch.setattr(module, "_ENTRIES", 2)
    with pytest.raises(ProvisionError, match="more than 2 entries"):
        read_logs(archive)


def test_the_end_of_a_long_stream_costs_its_length_once() -> None:
    tracemalloc.start()
    try:
        text = text_of(io.BytesIO(gzip.compress(b"x" * (3 * LONGEST) + b"end.")))
        assert (len(text), text[-4:]) == (LONGEST, "end.")
        assert tracemalloc.get_traced_memory()[1] < 9 * LONGEST
    finally:
        tracemalloc.stop()


def test_a_number_of_a_million_digits_is_none() -> None:
    (found,) = unpack('{"level": ' + "9" * 1_000_000 + ', "msg": ' + json.dumps("said") + "}")
    assert found.text == "said"
