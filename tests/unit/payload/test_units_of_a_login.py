"""With sudo, what an earlier `up` without it has left to the systemd of the user who logs in is stopped there: ended
alone, it would be started again."""

import os
import subprocess
from pathlib import Path

import pytest

from provision.core.script import Script
from provision.payload.bundle import shell
from provision.resources.service import LIBRARY, Place
from provision.resources.still_running import StillRunning

MARK = f"login{os.getpid()}/gpu-01/ray"
UNIT = f"provision-{MARK.replace('/', '-')}.service"

#: What root would find on a host.
PROGRAMS = {
    "id": "echo 0",
    "getent": 'echo "ops:x:1000:1000::$TEST_HOME:/bin/sh"',
    "setpriv": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
    "systemctl": 'echo "$* $XDG_RUNTIME_DIR" >> "$TEST_HOME/asked"',
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name, text in PROGRAMS.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    units = tmp_path / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    (units / UNIT).write_text(f"[Unit]\nDescription=provision: {MARK}\n")
    (units / "provision-of-another.service").write_text("[Unit]\nDescription=provision: another/gpu-01/ray\n")
    return tmp_path


def run(script: Script, home: Path) -> str:
    variables = {name: str(value) for name, value in script.vars.items()}
    path = f"{home}/bin:{os.defpath}"
    given = {"PATH": path, "HOME": "/", "TEST_HOME": str(home), "SUDO_UID": "1000", "SUDO_GID": "1000", **variables}
    done = subprocess.run(["sh", "-c", script.body], env=given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def stopped(home: Path) -> bool:
    """And the other one is as it was."""
    units = sorted(path.name for path in (home / ".config" / "systemd" / "user").iterdir())
    asked = (home / "asked").read_text()
    assert f"--user stop -- {UNIT} /run/user/1000\n" in asked
    assert "of-another" not in asked
    return units == ["provision-of-another.service"]


def test_down_finds_and_stops_it(home: Path) -> None:
    cluster, host, _ = MARK.split("/")
    left = StillRunning(cluster, host)
    assert run(left.probe(), home) == f"running={UNIT} (ray)\n"
    assert "::note stopped: " + UNIT in run(left.fix({}, None), home)
    assert stopped(home)
    assert run(left.probe(), home) == ""


def test_a_service_that_takes_its_place_stops_it_first(home: Path) -> None:
    place = Place(str(home / "service"), MARK, runtime="kept")
    run(Script(f"{shell(*LIBRARY)}\nkept_stop", place.variables()), home)
    assert stopped(home)
