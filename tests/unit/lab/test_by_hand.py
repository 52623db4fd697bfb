"""The scripts that `up` is measured against, with stand-ins for ssh and curl, and the programs that run them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import by_hand
from benchmarks.by_hand import Comparison, told
from benchmarks.contained import CONTAINED
from benchmarks.fresh import FRESH

ROOT = Path(__file__).parents[3]
BENCHMARKS = ROOT / "benchmarks"
SSH = """#!/bin/sh
# A stand-in for ssh: notes what it is told, and answers as `ray status` does of two nodes.
printf '%s\\n' "$*" >> "$NOTED"
case $* in *tar*-xf*) cat > /dev/null ;; *'ray status'*) printf ' 1 node_a\\n 1 node_b\\n' ;; esac
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("ssh", SSH), ("curl", "#!/bin/sh\n")):
        (tmp_path / "bin" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "wheels").mkdir()
    for name in ("uv", "requirements.txt", "ssh_config"):
        (tmp_path / name).touch()
    (tmp_path / "environment").write_text("MODEL='/models/tiny'\nTP='1'\nPP='2'\n")
    (tmp_path / "image").write_text("sha256:1234")
    return tmp_path


def run(folder: Path, script: str, step: str) -> tuple[str, list[str]]:
    environment = {"PATH": f"{folder}/bin:{os.environ['PATH']}", "NOTED": str(folder / "noted")}
    done = subprocess.run(
        ["sh", BENCHMARKS / script, step, folder, "10.0.0.1", "10.0.0.2"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, (folder / "noted").read_text().splitlines()


def test_a_model_that_lies_in_its_folder_is_sent_by_the_script(folder: Path) -> None:
    (folder / "model").mkdir()
    said, noted = run(folder, "by_hand.sh", "up")
    assert [line.split()[0] for line in said.splitlines()] == ["environment", "weights", "ray", "vllm"]
    assert sum("tar -xf - -C by-hand" in line for line in noted) == 4  # the packages, and the model, to each host


@pytest.mark.parametrize(
    ("script", "parts", "words"),
    [
        ("by_hand.sh", ["environment", "ray", "vllm"], ["uv pip install", "--address=10.0.0.1:6379", "vllm serve"]),
        (
            "docker_by_hand.sh",
            ["proofs", "ray", "vllm"],
            [
                *("python3 - serve /models/tiny --served", "python3 - 10.0.0.1 0 2", "python3 - 10.0.0.1 1 2"),
                *("docker run -d", "--address=10.0.0.1:6379", "vllm serve /models/tiny --served"),
            ],
        ),
    ],
)
def test_each_brings_it_up_on_all_hosts_and_tells_the_seconds_of_each_part(
    folder: Path, script: str, parts: list[str], words: list[str]
) -> None:
    said, noted = run(folder, script, "up")
    rows = [line.split() for line in said.splitlines()]
    assert [row[0] for row in rows] == parts
    assert all(float(first) <= float(last) for _, first, last in rows)
    for word in words:
        assert any(word in line for line in noted), noted
    _, noted = run(folder, script, "down")
    assert {line.split()[2] for line in noted[-2:]} == {"10.0.0.1", "10.0.0.2"}


def test_each_container_by_hand_has_the_cache_of_those_before(folder: Path) -> None:
    """As provision's have, which see the user's home folder."""
    started = [line for line in run(folder, "docker_by_hand.sh", "up")[1] if "docker run" in line]
    assert started and all("-v by-hand-cache:/root/.cache" in line for line in started)


@pytest.mark.parametrize(("comparison", "runs"), [(CONTAINED, 3), (FRESH, 2)])
def test_what_fills_that_cache_is_not_counted(
    comparison: Comparison, runs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    took = iter([100.0, 2.0, 2.0] if runs == 3 else [2.0, 2.0])
    begun: list[float] = []

    def script(*_: object) -> tuple[float, dict[str, float]]:
        begun.append(next(took))
        return begun[-1], {}

    monkeypatch.setattr(by_hand, "_timed_script", script)
    monkeypatch.setattr(by_hand, "timed_provision", lambda *_: (1.0, {}))
    lab = SimpleNamespace(host=lambda name: SimpleNamespace(address=name), directory=tmp_path)
    ratio = replace(comparison, prepare=lambda *_: None)._measure(lab, tmp_path, 2, 2)
    assert (len(begun), ratio) == (runs, 0.5)


def test_what_is_promised_is_of_the_same_proofs_and_the_other_figure_is_told() -> None:
    assert told("`docker run`", 1.1, [45.0, 47.0], [44.0, 46.0], [35.0, 35.0]) == (
        "a fresh up takes 1.02 times as long as `docker run` by hand, proofs included (promised: 1.1), "
        "and 1.31 times as long as without them"
    )
    assert told("the same steps", 1.15, [50.0], [40.0], [40.0]) == (
        "a fresh up takes 1.25 times as long as the same steps by hand (promised: 1.15)"
    )


def test_a_script_that_a_proof_ends_is_not_measured(folder: Path) -> None:
    """As vLLM ends with 2 for an argument that it does not know."""
    (folder / "bin/ssh").write_text("#!/bin/sh\ncase $* in *'python3 - serve'*) exit 2 ;; esac\n")
    environment = {"PATH": f"{folder}/bin:{os.environ['PATH']}"}
    command = ["sh", BENCHMARKS / "docker_by_hand.sh", "up", folder, "10.0.0.1", "10.0.0.2"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize(("name", "promise"), [("fresh", "1.15"), ("contained", "1.1")])
def test_the_programs_say_what_they_do_and_promise(name: str, promise: str) -> None:
    command = [sys.executable, "-m", f"benchmarks.{name}", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"python -m benchmarks.{name}" in done.stdout and f"more than {promise} times" in done.stdout
