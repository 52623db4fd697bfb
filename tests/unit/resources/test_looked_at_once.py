"""What several probes ask about one service is looked at once in a batch, and each tells what it would alone."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from services import Sleeper

from provision.core.batch import render
from provision.core.script import Fragment, Script, Stream
from provision.core.secret import Secret
from provision.resources.plain_digests import PlainDigests
from provision.resources.ports import PortsFree
from provision.resources.service import Place

MARK = "gpus/gpu-01/sample"
LOOKS = ("find", "grep")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Of a service that runs."""
    (folder := tmp_path / "sample").mkdir(mode=0o700)
    process = subprocess.Popen(["sleep", "60"], env={"PATH": os.defpath, "PROVISION_SERVICE": MARK})
    try:
        start = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
        (folder / "stamp").write_text(f"pid={process.pid}\nstart={start}\nready=yes\ntoken=0123456789abcdef\n")
        yield Place(str(folder), MARK)
    finally:
        process.kill()
        process.wait()


def answered(folder: Path, *scripts: Script) -> tuple[list[str], list[str]]:
    """What each printed, and the programs of LOOKS that were started."""
    (programs := folder / "programs").mkdir(exist_ok=True)
    (log := folder / "started").write_text("")
    for name in LOOKS:
        (programs / name).write_text(f'#!/bin/sh\necho {name} >> "{log}"\nexec {shutil.which(name)} "$@"\n')
        (programs / name).chmod(0o755)
    text = render([replace(script, optional=True, whole=True) for script in scripts], "N", Secret.reveal)
    env = {"PATH": f"{programs}:{os.defpath}", "HOME": str(folder)}
    done = subprocess.run(["sh", "-c", text], env=env, capture_output=True, check=True)
    out = Stream("N", len(scripts))
    list(out.feed(done.stdout))
    assert out.rc == [0] * len(scripts), done.stderr
    return [out.text(at) for at in range(len(scripts))], log.read_text().split()


def probes(place: Place) -> list[Script]:
    of = Sleeper(place)
    return [
        PortsFree(place, "127.0.0.1", ((1, "nothing"),)).probe(),
        PlainDigests(of).probe(),
        of.probe(),
    ]


def test_one_look_answers_all_probes_of_a_service(place: Place, tmp_path: Path) -> None:
    together, started = answered(tmp_path, *probes(place))
    assert started == ["find", "grep"]
    apart = [answered(tmp_path, probe.alone())[0][0] for probe in probes(place)]
    assert together == apart == ["port 1 (nothing)=free\n", "plain=yes\n", together[2]]
    assert Sleeper(place).read(Fragment(0, together[2], ""))["running"] == "yes"  # type: ignore[index]


def test_of_one_that_does_not_run_all_are_told_so(place: Place, tmp_path: Path) -> None:
    Path(place.folder, "stamp").unlink()
    together, _ = answered(tmp_path, *probes(place))
    assert together == [answered(tmp_path, probe.alone())[0][0] for probe in probes(place)]
    assert together[1:] == ["", ""]
