"""The wait for a server that was just started: whom it gives the key to, and what it does not take for an answer."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_server import KEY, Server

from provision.payload import ask
from provision.payload.bundle import shell
from provision.resources.service import LIBRARY


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    for process in made.begun:
        process.kill()
        process.wait()


def test_the_key_is_shown_once_it_is_well_and_refuses_strangers_and_never_for_health(server: Server) -> None:
    done = server.wait(*server.start())
    assert done.returncode == 0, done.stderr
    heard = server.heard()
    assert [line.split(" ", 1)[1] for line in heard[:-1]] == [
        "/health None",
        "/invocations None",
        "/tokenize None",
        "/no-such-path None",
    ]
    assert heard[-1] == f"POST /v1/chat/completions Bearer {KEY}"
    assert server.kind.read_text() == "chat completion"


@pytest.mark.parametrize("opened", ["/invocations", "/tokenize", "/no-such-path"])
def test_a_server_that_answers_without_the_key_is_not_ready_and_does_not_get_it(opened: str, server: Server) -> None:
    done = server.wait(*server.start(opened=opened))
    assert done.returncode == 1
    assert f"it answers without the API key: {opened}" in done.stderr
    assert not any(KEY in line for line in server.heard())
    assert server.kind.read_text() == ""


def test_one_that_is_not_to_be_guarded_may_answer(server: Server) -> None:
    assert server.wait(*server.start(opened="/invocations /tokenize"), guarded="").returncode == 0


LONG = " ".join(["word"] * 40)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "(EngineCore pid=14981) INFO 11-29 16:45:35 [compilation.py:317] Enabled custom fusions",
            "Enabled custom fusions",
        ),
        ("(EngineCore pid=1) (RayWorkerProc pid=2, ip=10.0.0.2) WARNING 11-29 16:45:35 [a.py:3] slow", "slow"),
        ("INFO 11-29 16:45:35 [a.py:3] (once) read", "(once) read"),
        ("(APIServer pid=9) INFO:     Started server process [9]", "INFO: Started server process [9]"),
        (LONG, LONG[:114] + " …"),
    ],
)
def test_the_last_line_of_a_log_is_shown_in_whole_words(
    line: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    log.write_text(f"{'x' * 5000}\n{line}\n\n")
    with log.open("rb") as file:
        monkeypatch.setattr(ask, "LOG", file.fileno())
        assert ask._last_line() == shown


@pytest.mark.parametrize("mark", ["", "gpus/gpu-01/ray"])
def test_whoever_has_taken_the_port_hears_nothing(mark: str, server: Server) -> None:
    _, pid = server.start()
    port, _ = server.start(mark=mark)
    done = server.wait(port, pid, seconds="2")
    assert done.returncode == 1
    assert "no answer within 2 s" in done.stderr
    assert "is open, but not by a process of" in done.stdout
    assert server.heard() == []


def test_a_server_that_sends_us_elsewhere_is_not_followed(server: Server) -> None:
    elsewhere, _ = server.start()
    port, pid = server.start(goes=f"http://127.0.0.1:{elsewhere}/health")
    done = server.wait(port, pid, seconds="2")
    assert done.returncode == 1
    assert set(server.heard()) == {"GET /health None"}


#: In the place of the environment's Python: what it has open, what is said, and the answer.
ASKS = """#!/bin/sh
cat > /dev/null
for descriptor in /proc/self/fd/*; do readlink "$descriptor"; done
echo "::progress 1 s"
[ "${#ANSWER}" -lt 1000 ] || exec sh -c 'while printf %01000d 0; do :; done >&4'
printf %s "$ANSWER" >&4
"""


@pytest.mark.parametrize(
    ("answer", "noted"),
    [
        *((kind, f"answers={kind}\n") for kind, *_ in ask.questions("m")),
        *(
            (answer, "waited=yes\n")
            for answer in (
                "",
                "without end" * 100,
                "completion failed",
                "x\nuser=root\npid=1",
                "x=y",
                "well",
                "chat",
                "pooling\nx",
            )
        ),
    ],
)
def test_what_asks_cannot_write_the_stamp_and_only_a_known_kind_is_noted(
    answer: str, noted: str, tmp_path: Path
) -> None:
    """The service's user could take any descriptor out of it."""
    (python := tmp_path / "python").write_text(ASKS)
    python.chmod(0o755)
    for name in ("stamp", "log"):
        (tmp_path / name).write_text("")
    names = ("url", "model", "seconds", "pid", "mark", "guarded", "program", "user", "api_key", "certificate")
    given = {**dict.fromkeys(names, ""), "dir": str(tmp_path), "python": str(python), "ANSWER": answer}
    text = shell(*LIBRARY, "vllm/ready.sh")
    environment = {"PATH": os.defpath, **given}
    done = subprocess.run(["sh", "-c", text], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if noted.startswith("answers") else 1), done.stderr
    assert "::progress 1 s" in done.stdout.splitlines()
    assert f"{tmp_path}/log" in done.stdout
    assert f"{tmp_path}/stamp" not in done.stdout
    assert (tmp_path / "stamp").read_text() == noted
