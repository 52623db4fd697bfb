"""A server with TLS: who has another certificate than the one that was given to it hears nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_server import KEY, MARK, Server
from test_health import health

from provision.core.certificate import TLS
from provision.payload.bundle import bundle
from provision.serving.certificate import OwnKey, own_key


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    for process in made.begun:
        process.kill()
        process.wait()


def made(folder: Path) -> tuple[str, str]:
    """The file of a key, and the digest of its certificate."""
    key = own_key()[TLS]
    assert isinstance(key, OwnKey)
    (file := folder / f"{key.certificate.fingerprint[:8]}.pem").write_text(key.reveal())
    return str(file), key.certificate.fingerprint


def test_the_wait_speaks_https_to_the_server_with_that_certificate(server: Server, tmp_path: Path) -> None:
    file, digest = made(tmp_path)
    done = server.wait(*server.start(tls=file), certificate=digest)
    assert done.returncode == 0, done.stderr
    assert server.heard()[-1] == f"POST /v1/chat/completions Bearer {KEY}"


def test_one_with_another_certificate_hears_nothing_and_is_not_waited_for(server: Server, tmp_path: Path) -> None:
    (file, found), (_, wanted) = made(tmp_path), made(tmp_path)
    done = server.wait(*server.start(tls=file), certificate=wanted)
    assert done.returncode == 1
    assert f"it shows another certificate: {found[:16]}, should be {wanted[:16]}" in done.stderr
    assert server.heard() == []


def test_one_that_speaks_http_hears_nothing(server: Server, tmp_path: Path) -> None:
    done = server.wait(*server.start(), certificate=made(tmp_path)[1], seconds="2")
    assert done.returncode == 1
    assert server.heard() == []


def test_a_question_is_asked_the_same_way(server: Server, tmp_path: Path) -> None:
    (file, digest), (_, other) = made(tmp_path), made(tmp_path)
    port, pid = server.start(tls=file)

    def ask(certificate: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "URL": f"https://127.0.0.1:{port}", "MODEL": "m", "SECONDS_LEFT": "20", "MARK": MARK, "PID": pid,
            "CERTIFICATE": certificate, "PATH": os.defpath,
        }  # fmt: skip
        body = 'printf %s "$1" | { exec 3<&0; printf %s "$2" | "$3" -I -; }'
        command = ["sh", "-c", body, "sh", KEY, bundle("ask:main"), sys.executable]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    for wrong in (other, ""):
        assert "it shows another certificate" in ask(wrong).stderr
    assert server.heard() == []
    assert '"text": "Hello."' in ask(digest).stdout
    assert server.heard() == [f"POST /v1/chat/completions Bearer {KEY}"]


def test_check_asks_it_so_and_says_where_the_certificate_is_another(server: Server, tmp_path: Path) -> None:
    (file, digest), (_, other) = made(tmp_path), made(tmp_path)
    port, pid = server.start(tls=file)
    assert health(port, pid, "", certificate=other) == "health=it shows another certificate"
    assert server.heard() == []
    assert health(port, pid, "", certificate=digest) == "health=ok"
    assert server.heard() == ["GET /health None", "POST /invocations None"]
