"""The runtimes of services: a file and a line each, with the functions that are called on a host."""

import shutil
import subprocess
from pathlib import Path

import pytest

import provision
from provision.facts import Facts
from provision.resources.runtime import RUNTIMES, runtime_of

FOLDER = Path(provision.__file__).parent / "payload/service/runtime"
FUNCTIONS = ("start", "stop", "said", "has", "ready", "look")


def defined(path: Path) -> set[str]:
    """The functions that a file defines, to a shell that has run it."""
    shell = shutil.which("bash")
    assert shell, "bash lists the functions that it knows"
    done = subprocess.run(
        [shell, "--posix", "-c", '. "$1"; declare -F', "bash", path], capture_output=True, text=True, check=True
    )
    return {line.split()[-1] for line in done.stdout.splitlines()}


def test_each_file_is_in_the_table_and_each_line_has_its_file() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.sh")) == sorted(RUNTIMES)


@pytest.mark.parametrize("name", RUNTIMES)
def test_it_has_the_functions_under_its_own_name(name: str) -> None:
    assert defined(FOLDER / f"{name}.sh") == {f"{name}_{function}" for function in FUNCTIONS}


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_file_does_nothing_by_itself(name: str) -> None:
    done = subprocess.run(["sh", FOLDER / f"{name}.sh"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_every_host_has_one_and_systemd_is_roots() -> None:
    assert [*RUNTIMES.values()][-1](Facts())
    assert runtime_of(Facts(uid=0, systemd=True)) == "kept"
    assert runtime_of(Facts(uid=0, systemd=True), stay_up=False) == "systemd"
    assert runtime_of(Facts(uid=1000, systemd=True)) == runtime_of(None) == "session"
