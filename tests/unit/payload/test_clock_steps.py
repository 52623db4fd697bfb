"""A host's clock that is set while a service starts, or between its starts, makes no time negative or absurd."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from provision.payload.bundle import shell
from provision.resources.service import LIBRARY

DAY = 86_400


def run(body: str, folder: Path) -> str:
    given = {
        "dir": str(folder),
        "runtimes": "",
        "mark": "m",
        "user": "",
        "unit": "u",
        "late": "",
        "PATH": os.environ["PATH"],
    }
    given |= {"HOME": str(folder), "first_time": str(folder / "none")}
    done = subprocess.run(["sh", "-c", body], env=given, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("step", [0, DAY, -DAY], ids=["none", "back", "forward"])
def test_how_long_a_start_took(tmp_path: Path, step: int) -> None:
    """The stamp was written by the clock of before."""
    folder = tmp_path / "ray"
    folder.mkdir(mode=0o700)
    start = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    stamp = folder / "stamp"
    stamp.write_text(f"pid={os.getpid()}\nstart={start}\n")
    stamp.chmod(0o600)
    os.utime(stamp, (time.time() + step,) * 2)
    run(f"{shell(*LIBRARY)}\nread_stamp && mark_ready", folder)
    (took,) = [line for line in stamp.read_text().splitlines() if line.startswith("took=")]
    assert 0 <= int(took.removeprefix("took=")) < DAY / 2


@pytest.mark.parametrize(("ago", "counted"), [(60, "3"), (-DAY, "0")], ids=["a minute ago", "in a day"])
def test_how_often_it_was_started(tmp_path: Path, ago: int, counted: str) -> None:
    folder = tmp_path / "ray"
    folder.mkdir(mode=0o700)
    last = int(time.time()) - ago
    (folder / "tries").write_text(f"3 {last - 100} {last}\n")
    (folder / "tries").chmod(0o600)
    begins = shell("service/before.sh").partition("count=$((count + 1))")[0].partition("cd / || exit 1")[2]
    said = run(
        f'{shell(*LIBRARY, "service/unit_kept.sh")}\n{begins}\necho "$count"; [ "$since" -le "$moment" ]', folder
    )
    assert said == f"{counted}\n"
