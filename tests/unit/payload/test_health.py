"""What `check` sees of a running server: whether it is ours that listens, well, and asks for the key beyond /v1."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_server import KEY, MARK, Server

from provision.payload.bundle import bundle, shell
from provision.resources.service import LIBRARY

#: A host without curl asks by the environment's Python.
WITHOUT_CURL = "command() { return 1; }"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    for process in made.begun:
        process.kill()
        process.wait()


@pytest.fixture(params=["curl", "Python"])
def before(request: pytest.FixtureRequest) -> str:
    return "" if request.param == "curl" else WITHOUT_CURL


def health(
    port: int, pid: str, before: str, *, guarded: str = "yes", certificate: str = "", python: str = sys.executable
) -> str:
    url = f"{'https' if certificate else 'http'}://127.0.0.1:{port}"
    variables = {
        "mark": MARK, "pid": pid, "user": "", "runtimes": "", "guarded": guarded, "health_host": "127.0.0.1",
        "health_port": str(port), "health_url": url, "certificate": certificate, "health_python": python,
        "health_program": bundle("health:main"), "PATH": os.environ["PATH"],
    }  # fmt: skip
    text = f"{shell(*LIBRARY, 'listener.sh')}\n{before}\n{shell('vllm/health.sh')}"
    done = subprocess.run(["sh", "-c", text], env=variables, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.strip()


def test_a_server_that_asks_for_the_key_is_well_and_is_not_shown_it(server: Server, before: str) -> None:
    assert health(*server.start(), before) == "health=ok"
    assert server.heard() == ["GET /health None", "POST /invocations None"]


def test_one_that_answers_without_it_is_not(server: Server, before: str) -> None:
    port, pid = server.start(opened="/invocations")
    assert health(port, pid, before) == "health=it answers without the API key"
    assert health(port, pid, before, guarded="") == "health=ok"
    assert not any(KEY in line for line in server.heard())


@pytest.mark.parametrize("key", ["-", "!"], ids=["hangs up", "503"])
def test_of_one_that_answers_no_request_it_is_not_known(key: str, server: Server, before: str) -> None:
    port, pid = server.start(key=key)
    assert health(port, pid, before) == "health=whether it answers without the API key is not known"
    assert health(port, pid, before, guarded="") == "health=ok"


def test_one_that_is_not_well_says_what_it_answers(server: Server, before: str) -> None:
    assert health(*server.start(goes="http://127.0.0.1:1/"), before) == "health=/health answers 307"


def test_one_that_hangs_up_does_not_answer(server: Server, before: str) -> None:
    assert health(*server.start(goes="-"), before) == "health=/health does not answer"


@pytest.mark.parametrize("program", ["#!/bin/sh\nexit 1\n", "#!/nowhere/python\n", "#!/bin/sh\necho Traceback\n"])
def test_nothing_is_said_of_one_that_could_not_be_asked(program: str, server: Server, tmp_path: Path) -> None:
    (python := tmp_path / "python").write_text(program)
    python.chmod(0o755)
    said = health(*server.start(), WITHOUT_CURL, python=str(python))
    assert said == "health=it could not be asked a question"


def test_a_port_of_another_process_is_not_asked(server: Server, before: str) -> None:
    _, pid = server.start()
    port, _ = server.start(mark="")
    assert health(port, pid, before) == f"health=port {port} belongs to another process"
    assert server.heard() == []


def test_a_port_that_nobody_has_is_said_so(server: Server) -> None:
    port, pid = server.start()
    server.begun[0].kill()
    server.begun[0].wait()
    assert health(port, pid, "") == f"health=not listening on port {port}"
