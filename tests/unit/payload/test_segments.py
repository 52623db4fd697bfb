"""What a service leaves in shared memory is removed with it, and nothing that another user gives a name for."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.payload.bundle import shell
from provision.resources.service import STOP, Place

NAME = f"provision-test-{os.getpid()}"

SHM = Path("/dev/shm")


@pytest.fixture
def shared() -> Iterator[None]:
    yield
    for file in SHM.glob(f"*{NAME}*"):
        file.unlink()


@pytest.mark.parametrize("sh", ["dash", "bash"])
@pytest.mark.parametrize("between", [" ", "\n", "\t"])
@pytest.mark.usefixtures("shared")
def test_no_word_of_a_name_is_taken_for_a_name(tmp_path: Path, sh: str, between: str) -> None:
    (tmp_path / "run").touch()
    os.utime(tmp_path / "run", (1, 1))
    ours, theirs, other = f"psm-{NAME}", f"psm-x{between}mine-{NAME}", f"mine-{NAME}"
    for name in (ours, theirs, other):
        (SHM / name).touch()
    place = Place(str(tmp_path), "llama/gpu-01/vllm").variables()
    variables = {name: str(value) for name, value in {**place, "segments": f"none-* psm-*{NAME}"}.items()}
    script = f"{shell(*STOP)}\nremove_segments"
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables}
    done = subprocess.run([sh, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert {file.name for file in SHM.glob(f"*{NAME}*")} == {other}
