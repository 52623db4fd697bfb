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
from provision.diagnosis.contents import LONGEST, text_of
from provision.diagnosis.lines import read_lines

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
