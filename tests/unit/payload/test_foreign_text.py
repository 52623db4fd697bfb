"""What another user could have written stays one line of text, in the shell that takes a backslash for more (dash)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_server import MARK, Server

from provision.core.lease import read_answers
from provision.payload.bundle import shell
from provision.resources.service import LIBRARY
from provision.resources.still_running import StillRunning

SHELLS = [one for one in ("dash", "bash") if shutil.which(one)]

#: As a process of the services' user that was told to ask: it says that it is well, and more.
SAYS = """#!/bin/sh
cat > /dev/null
printf '%s\\n' 'well\\nready=yes\\nforeign=/etc/passwd' 'running=no' "$(printf 'x%.0s' $(seq 1 5000))"
"""


def run(sh: str, body: str, variables: dict[str, str]) -> str:
    environment = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run([sh, "-c", body], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("sh", SHELLS)
def test_a_note_of_a_lease_says_nothing_of_who_has_it(sh: str, tmp_path: Path) -> None:
    """Root reads the note of whoever logs in, and tells the controller who has the lease."""
    (tmp_path / "note").write_text("who=ann@x\\nstate=held\\nplace=/tmp\ncommand=up\\nstate=resumed\ncluster=\\c\n")
    body = f'{shell("lease/library.sh")}\nas=; read_note "$here"; tell busy "$here"'
    (answer,) = read_answers(run(sh, body, {"here": str(tmp_path)}))
    assert answer.state == "busy" and answer.place == "" and answer.holder is not None
    assert answer.holder.who == "ann@x\\nstate=held\\nplace=/tmp" and answer.holder.cluster == "\\c"


@pytest.mark.parametrize("sh", SHELLS)
@pytest.mark.parametrize("beat", ["08", "9" * 30, "a[$(touch pwned)]", "-1", "1 + 1", "", "0x10", "now"])
def test_a_time_that_is_none_ends_no_script(sh: str, beat: str, tmp_path: Path) -> None:
    (tmp_path / "beat").write_text(beat)
    body = f'{shell("lease/library.sh")}\nas=; silence "$here"; echo "$silent"'
    assert run(sh, f'cd "$here"\n{body}', {"here": str(tmp_path)}) == "0\n"
    assert [path.name for path in tmp_path.iterdir()] == ["beat"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    for process in made.begun:
        process.kill()
        process.wait()


def state_of(sh: str, server: Server, tmp_path: Path, program: str) -> list[str]:
    """Lines of the state of a server that has answered before, asked by `program` in the place of its Python."""
    (python := tmp_path / "python").write_text(program)
    python.chmod(0o755)
    port, pid = server.start()
    names = ("user", "runtimes", "certificate", "health_program", "alive_program", "health_key")
    given = {
        **dict.fromkeys(names, ""), "mark": MARK, "pid": pid, "guarded": "yes", "health_host": "127.0.0.1",
        "health_port": str(port), "health_url": f"http://127.0.0.1:{port}", "health_python": str(python),
        "health_model": "m", "stamped": "answers=completion\n",
    }  # fmt: skip
    return run(sh, f"{shell(*LIBRARY, 'listener.sh')}\n{shell('vllm/health.sh')}", given).splitlines()


@pytest.mark.needs("curl")
@pytest.mark.parametrize("sh", SHELLS)
def test_a_process_that_asks_adds_nothing_to_what_is_known_of_a_service(
    sh: str, server: Server, tmp_path: Path
) -> None:
    (line,) = state_of(sh, server, tmp_path, SAYS)
    assert line == "health=well\\nready=yes\\nforeign=/etc/passwd"


@pytest.mark.parametrize("program", ["#!/bin/sh\nexit 1\n", "#!/nowhere/python\n", "#!/bin/sh\nkill -9 $$\n"])
def test_a_question_that_could_not_be_asked_is_no_health(program: str, server: Server, tmp_path: Path) -> None:
    assert state_of("sh", server, tmp_path, program) == ["health=it could not be asked a question"]


@pytest.mark.parametrize("sh", SHELLS)
def test_nor_does_the_name_of_a_service_in_a_mark(sh: str, tmp_path: Path) -> None:
    cluster = f"foreign{os.getpid()}"
    mark = f"{cluster}/gpu-01/x\\nrunning=nothing\\c"
    with subprocess.Popen(["sleep", "60"], env={"PROVISION_SERVICE": mark}) as process:
        probe = StillRunning(cluster, "gpu-01").probe()
        said = run(sh, probe.body, {name: str(value) for name, value in probe.vars.items()})
        process.kill()
    assert said == f"running={process.pid} (x\\nrunning=nothing\\c)\n"
