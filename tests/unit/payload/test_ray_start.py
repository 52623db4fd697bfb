"""A Ray head is started without Ray Client, whichever way this Ray asks for what that needs."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from provision.diagnosis import decisive
from provision.payload.bundle import module

#: As `ray start` decides (ray/scripts/scripts.py), by version.
NEWER = "from ray._private.utils import get_ray_client_dependency_error as error\nhas = error() is None"
OLDER = "from ray._private.utils import check_ray_client_dependencies_installed as there\nhas = there()"
UTILS_OF = {
    NEWER: "def get_ray_client_dependency_error(): return None\n",
    OLDER: "def check_ray_client_dependencies_installed(): return True\n",
}


@pytest.mark.parametrize("asks", UTILS_OF, ids=["newer", "older"])
def test_ray_finds_that_it_is_not_there(asks: str, tmp_path: Path) -> None:
    private = tmp_path / "ray" / "_private"
    private.mkdir(parents=True)
    (private / "utils.py").write_text(UTILS_OF[asks])
    program = tmp_path / "ray-program"
    program.write_text(f"import sys\n{asks}\nif __name__ == '__main__': print(has, *sys.argv)\n")
    (tmp_path / "ray_start.py").write_text(module("ray_start"))
    with_it = [sys.executable, program, "start", "--head"]
    without = [sys.executable, tmp_path / "ray_start.py", *with_it[1:]]
    env = {"PYTHONPATH": str(tmp_path)}
    for command, has in ((with_it, "True"), (without, "False")):
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        assert done.stdout.split() == [has, str(program), "start", "--head"]


def test_an_unknown_ray_is_started_as_it_is(tmp_path: Path) -> None:
    program = tmp_path / "ray-program"
    program.write_text("import sys\nprint(*sys.argv[1:])\nsys.exit(3)\n")
    starter = tmp_path / "ray_start.py"
    starter.write_text(module("ray_start"))
    done = subprocess.run(
        [sys.executable, "-I", starter, program, "start"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (3, "start\n")


@pytest.mark.parametrize("taken_at", ["127.0.0.1", "0.0.0.0"])
def test_a_head_whose_port_somebody_has_is_not_started(taken_at: str, tmp_path: Path) -> None:
    """It would show its token there."""
    program = tmp_path / "ray-program"
    program.write_text("print('started')\n")
    starter = tmp_path / "ray_start.py"
    starter.write_text(module("ray_start"))
    with socket.create_server((taken_at, 0)) as taken:
        flags = ["start", "--head", "--node-ip-address=127.0.0.1", f"--port={taken.getsockname()[1]}"]
        command = [sys.executable, "-I", starter, program, *flags]
        while_taken = subprocess.run(command, capture_output=True, text=True, check=False)
    free = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (while_taken.returncode, while_taken.stdout) == (1, "")
    _, hint = decisive(while_taken.stderr)
    assert flags[-1].partition("=")[2] in while_taken.stderr
    assert hint
    assert (free.returncode, free.stdout) == (0, "started\n"), free.stderr
