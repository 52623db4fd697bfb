"""Files as people send them: packed, cut off, in an archive, in another encoding, as JSON."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
from pathlib import Path

import pytest

from provision import Verdict, explain
from provision.core.errors import ProvisionError
from provision.diagnosis.contents import LONGEST, text_of
from provision.diagnosis.lines import read_lines
from provision.diagnosis.logs import read_piped

DECIDES = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."
LOG = f"INFO 11-21 00:31:58 [a.py:1] loading\n(EngineCore pid=3) ERROR 11-21 00:31:59 [a.py:2] {DECIDES}\n"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("no-ending", gzip.compress(LOG.encode(), mtime=0)),
        ("cut-off.gz", gzip.compress(LOG.encode(), mtime=0)[:-9]),
        ("none.gz", LOG.encode()),
        ("a.xz", lzma.compress(LOG.encode())),
        ("a.bz2", bz2.compress(LOG.encode())),
        ("windows.log", LOG.replace("\n", "\r\n").encode("utf-16")),
        ("big-endian.log", b"\xfe\xff" + LOG.encode("utf-16-be")),
        ("no-mark.log", LOG.encode("utf-16-le")),
        ("mark.log", LOG.encode("utf-8-sig")),
    ],
)
def test_any_file_is_read_by_what_it_holds(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    found = explain(tmp_path / name)
    assert (found.verdict, found.evidence[0].line, found.evidence[0].time) == (Verdict.CAUSE, DECIDES, "11-21 00:31:59")


def test_the_folders_of_an_archive_are_the_hosts(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "logs.tar.gz", "w:gz") as archive:
        for host, text in (("gpu-01", "nothing\n"), ("gpu-02", LOG)):
            entry = tarfile.TarInfo(f"./logs/{host}/vllm.log")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    found = explain(tmp_path / "logs.tar.gz")
    assert (found.verdict, found.host) == (Verdict.CAUSE, "gpu-02")


def test_so_they_are_in_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "logs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("logs/gpu-01/", "")
        archive.writestr("logs/gpu-01/vllm.log", "nothing\n")
        archive.writestr("logs/gpu-02/vllm.log", LOG)
    found = explain(tmp_path / "logs.zip")
    assert (found.verdict, found.host) == (Verdict.CAUSE, "gpu-02")
    whole = (tmp_path / "logs.zip").read_bytes()
    for damaged in (whole[:40], whole[:-30], whole.replace(b"vllm", b"vlln", 1)):
        (tmp_path / "logs.zip").write_bytes(damaged)
        explain(tmp_path / "logs.zip")


@pytest.mark.parametrize(
    ("begin", "what", "command"),
    [
        (b"\x28\xb5\x2f\xfd\x04", "is packed with zstd", "zstd -dc"),
        (b"\x04\x22\x4d\x18\x64", "is packed with lz4", "lz4 -dc"),
        (b"\x1f\x9d\x90", "is packed with compress", "zcat"),
        (b"7z\xbc\xaf\x27\x1c\0", "is packed with 7-Zip", "7z x"),
        (b"Rar!\x1a\x07\1", "is packed with RAR", "unrar x"),
        (b"LPKSHHRH\0", "is a journal as systemd keeps it", "journalctl --file"),
    ],
)
def test_what_is_packed_in_another_way_is_named_and_not_taken_for_a_log(
    tmp_path: Path, begin: bytes, what: str, command: str
) -> None:
    file = tmp_path / "vllm log"
    file.write_bytes(begin + b"\0" * 64)
    with pytest.raises(ProvisionError, match=f"`{file}` {what}") as error:
        explain(file)
    assert f"`{command} '{file}'" in error.value.hint
    with zipfile.ZipFile(tmp_path / "logs.zip", "w") as archive:
        archive.writestr("gpu-01/vllm.log", file.read_bytes())
    with pytest.raises(ProvisionError, match=f"logs.zip` has `gpu-01/vllm.log` in it, which {what}") as error:
        explain(tmp_path / "logs.zip")
    assert f"`{command} gpu-01/vllm.log" in error.value.hint
    with pytest.raises(ProvisionError, match=f"standard input {what}"):
        read_piped(io.BytesIO(file.read_bytes()))


def test_of_a_stream_the_end_is_read() -> None:
    assert text_of(io.BytesIO(b"x\n" * LONGEST + LOG.encode())).endswith(LOG)
    assert len(text_of(io.BytesIO(b"x" * (LONGEST + 4)))) == LONGEST


@pytest.mark.parametrize(
    ("line", "host"),
    [
        ({"stream": "stderr", "log": f"{DECIDES}\n", "time": "2026-11-21T00:31:59Z"}, ""),
        ({"MESSAGE": DECIDES, "_HOSTNAME": "gpu-02", "PRIORITY": "6"}, "gpu-02"),
        ({"MESSAGE": list(f"\x1b[1m{DECIDES}".encode()), "_HOSTNAME": "gpu-02", "PRIORITY": "6"}, "gpu-02"),
        ({"textPayload": DECIDES, "severity": "INFO"}, ""),
        ({"ts": "2026-11-21T00:31:59Z", "level": "error", "msg": DECIDES, "host": "gpu-02"}, "gpu-02"),
        ({"log": DECIDES, "kubernetes": {"host": "gpu-02", "pod_name": "vllm-1"}}, "gpu-02"),
        ({"levelname": "ERROR", "message": "it failed", "exc_info": f"Traceback\n  x\n{DECIDES}"}, ""),
    ],
)
def test_a_line_of_json_is_its_message(line: dict[str, object], host: str) -> None:
    said = read_lines(json.dumps(line))[-1]
    assert (said.text, said.host) == (DECIDES, host)


@pytest.mark.parametrize("raw", ["{", '{"a": 1}', '{"message": 3}', '{"message": null}', '{"' * 5000, "[1]"])
def test_what_is_no_such_line_stays_as_it_is(raw: str) -> None:
    assert len(read_lines(raw)) == 1
