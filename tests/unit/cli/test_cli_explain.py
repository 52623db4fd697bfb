"""`provision explain`: files, folders and standard input; text, JSON, exit codes."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

OUT_OF_MEMORY = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.\n"


def explain(*arguments: object, given: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "provision", "explain", *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)


def test_a_log_is_told_by_cause_evidence_and_hint(tmp_path: Path) -> None:
    (tmp_path / "vllm.log").write_text(f"INFO 11-21 00:31:58 [a.py:1] loading\n{OUT_OF_MEMORY}")
    done = explain(tmp_path / "vllm.log")
    assert (done.returncode, done.stderr) == (0, "")
    cause, evidence, hint = done.stdout.splitlines()
    assert cause == "cause: a GPU of the host is full"
    assert evidence.endswith(f"vllm.log  {OUT_OF_MEMORY.strip()}")
    assert hint.startswith("hint: ")


def test_each_subfolder_is_a_host_and_a_packed_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "gpu-01").mkdir()
    (tmp_path / "gpu-02" / "ray").mkdir(parents=True)
    (tmp_path / "gpu-01" / "vllm.log").write_text("RuntimeError: Engine core initialization failed.\n")
    with gzip.open(tmp_path / "gpu-02" / "ray" / "worker.err.gz", "wt") as packed:
        packed.write(OUT_OF_MEMORY)
    told = json.loads(explain(tmp_path, "--json").stdout)
    assert (told["verdict"], told["id"], told["host"]) == ("cause", "cuda-out-of-memory-plain", "gpu-02")
    assert told["evidence"] == [
        {"time": None, "host": "gpu-02", "file": "ray/worker.err.gz", "line": OUT_OF_MEMORY.strip()}
    ]


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_standard_input_may_say_whose_lines_follow(arguments: tuple[str, ...]) -> None:
    given = f"@host gpu-01 /log\nnothing yet\n@host gpu-02 /log\n{OUT_OF_MEMORY}"
    assert json.loads(explain(*arguments, "--json", given=given).stdout)["host"] == "gpu-02"


def test_what_is_likely_says_so_and_shows_the_other_lines() -> None:
    given = "ERROR 11-21 00:31:57 [a.py:1] NovelError: it broke\nRuntimeError: NCCL error: unhandled system error\n"
    done = explain(given=given)
    assert done.returncode == 0
    assert done.stdout.startswith("most likely: NCCL failed")
    assert "NovelError: it broke" in done.stdout


def test_what_is_not_known_ends_with_3(tmp_path: Path) -> None:
    done = explain(given="all is well\n")
    assert done.returncode == 3
    assert done.stdout.startswith("not known: ")
    assert json.loads(explain("--json", given="").stdout)["id"] is None


@pytest.mark.parametrize(("make", "said"), [
    (lambda path: None, "there is no file"),
    (lambda path: path.mkdir(), "there is no file in"),
])  # fmt: skip
def test_a_log_that_is_not_there_is_an_error_with_a_hint(tmp_path: Path, make, said: str) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path / "logs")
    done = explain(tmp_path / "logs")
    assert done.returncode == 2
    assert said in done.stderr and "hint: " in done.stderr


def test_bytes_of_any_kind_are_lines(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\xff\xfe\0\x1b[31mCUDA error: out of memory\x1b[0m\n\x9b2J\n")
    done = explain(tmp_path / "log")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout and "\x9b" not in done.stdout
