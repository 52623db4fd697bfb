"""`python -m benchmarks` in a small form, so that it does what its document says when somebody wants its figures."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.rack import Rack

pytestmark = pytest.mark.hosts
PROJECT = Path(__file__).parents[2]


def test_it_measures_every_way_and_writes_and_draws_the_figures(tmp_path: Path) -> None:
    figures, picture = tmp_path / "speed.json", tmp_path / "speed.svg"
    words = ["--hosts", "1", "--rounds", "1", "--no-others", "--json", str(figures), "--plot", str(picture)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(figures.read_text())["hosts"]["1"]
    bound = measured["one script, paramiko"]
    for name in ("provision check", "provision up, no change"):
        assert measured[name]["ratio"] == pytest.approx(measured[name]["wall"] / bound["wall"])
        assert name in done.stdout
    drawn = [text.text for text in xml.parse(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert {*measured} <= {*drawn}


@pytest.mark.needs("mount")
def test_hosts_have_a_service_that_init_systems_are_asked_for(tmp_path: Path) -> None:
    with Rack(tmp_path / "rack", 2) as rack:
        for number in range(2):
            (rack.own(number) / "ray").mkdir(parents=True)
        (rack.own(0) / "ray/stamp").write_text(f"start=1\npid={os.getpid()}\n")
        (rack.own(1) / "ray/stamp").write_text("start=1\npid=4194305\n")
        for command in ("/etc/init.d/ray status", "env -i PATH=/bin:/usr/bin /etc/init.d/ray status; :"):
            said = [over_ssh(rack, number, command) for number in range(2)]
            assert said == ["ray is running\n", "ray is stopped\n"]
    assert not Path("/etc/init.d/.stamps").exists(), "this machine has its own"


def over_ssh(rack: Rack, number: int, command: str) -> str:
    spec = rack.spec("", "")
    options = ["-F", "/dev/null", "-o", f"UserKnownHostsFile={spec['known_hosts']}", "-i", spec["key"]]
    argv = ["ssh", *options, "-p", str(spec["port"]), f"{spec['user']}@{rack.addresses[number]}", command]
    return subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False).stdout


#: One that can be caught, and one that cannot.
ENDS, LIKE_THEM = (signal.SIGTERM, signal.SIGKILL), (signal.SIGINT, signal.SIGHUP)


@pytest.mark.parametrize(
    "number",
    [*ENDS, *(pytest.param(number, marks=pytest.mark.long) for number in LIKE_THEM)],
    ids=lambda number: number.name,
)
def test_one_that_is_ended_leaves_nothing_running(tmp_path: Path, number: signal.Signals) -> None:
    words = ["--hosts", "1", "--rounds", "99", "--no-others"]
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=PROJECT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: any("bin/ray" in words for words in below(tmp_path)), "Ray's stand-in has not been started")
        (scratch,) = {found for words in below(tmp_path) for found in re.findall(r"--temp-dir=(\S+)/r ", words)}
        process.send_signal(number)
        assert process.wait(120) == (-number if number == signal.SIGKILL else 128 + number)
        until(lambda: not below(tmp_path), lambda: f"still there: {below(tmp_path)}")
    finally:
        process.kill()
    if number == signal.SIGKILL:
        shutil.rmtree(scratch)
    assert not Path(scratch).exists()
    assert number == signal.SIGKILL or not [*tmp_path.iterdir()]


def until(true: Callable[[], bool], why: str | Callable[[], str]) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end, why if isinstance(why, str) else why()
        time.sleep(0.1)


def below(folder: Path) -> list[str]:
    """The command lines that name something in it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [words for words in found if f"{folder}/" in words]
