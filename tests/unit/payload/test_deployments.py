"""What ServerlessLLM is asked to deploy and to delete, against a server that answers as its API of 0.8.0 does."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from provision.payload.bundle import bundle


class Sllm(ThreadingHTTPServer):
    """`refuses`: names that it cannot register; `keeps`: names that it says it has deleted, and has not."""

    def __init__(self) -> None:
        self.models: dict[str, Any] = {}
        self.asked: list[tuple[str, str]] = []
        self.refuses: set[str] = set()
        self.broken = False
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Sllm

    def do_GET(self) -> None:
        if self.server.broken:
            return self._say(500, {"detail": "Failed to retrieve models"})
        return self._say(200, {"object": "list", "models": [{"id": name} for name in self.server.models]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = body["model"]
        self.server.asked.append((self.path, name))
        if self.path == "/register" and name in self.server.refuses:
            return self._say(500, {"detail": "Cannot register model, please contact the administrator"})
        if self.path == "/register":
            self.server.models.setdefault(name, body)
        else:
            self.server.models.pop(name, None)
        return self._say(200, {"status": "ok"})

    def _say(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def sllm() -> Iterator[Sllm]:
    server = Sllm()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def ask(sllm: Sllm, tmp_path: Path):  # type: ignore[no-untyped-def]
    record = tmp_path / "record"

    def run(what: str, asked: object = None) -> tuple[int, list[str], str]:
        """Exit code, lines of standard output, standard error."""
        environment = {
            "PATH": os.environ["PATH"],
            "URL": f"http://127.0.0.1:{sllm.server_port}",
            "WHAT": what,
            "ASKED": json.dumps(asked),
            "RECORD": record.read_text() if record.exists() else "",
            "SECONDS_LEFT": "10",
        }
        new = tmp_path / "new"
        new.unlink(missing_ok=True)
        done = subprocess.run(
            ["sh", "-c", '"$1" -I -S - 4>"$2"', "sh", sys.executable, str(new)],
            input=bundle("deployments:main"),
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if new.read_text():
            record.write_text(new.read_text())
        return done.returncode, done.stdout.splitlines(), done.stderr.strip()

    return run


def wanted(name: str, words: str = "transformers") -> dict[str, list[object]]:
    return {name: [words, {"model": name, "backend": "transformers"}]}


def test_a_second_deploy_changes_nothing(ask, sllm):
    assert ask("deploy", wanted("a/b")) == (0, ["::progress deploying a/b", "::note deployed a/b"], "")
    assert ask("deploy", wanted("a/b")) == (0, [], "")
    assert sllm.asked == [("/register", "a/b")]
    assert ask("list") == (0, ["a/b=person transformers"], "")


def test_with_other_settings_it_is_deleted_and_deployed_again(ask, sllm):
    ask("deploy", wanted("a"))
    code, lines, _ = ask("deploy", wanted("a", "vllm"))
    assert (code, lines[-2:]) == (0, ["::note deleted a", "::note deployed a"])
    assert sllm.asked == [("/register", "a"), ("/delete", "a"), ("/register", "a")]


def test_a_second_delete_changes_nothing_and_asks_for_nothing(ask, sllm):
    ask("deploy", wanted("a"))
    assert ask("delete", ["a"]) == (0, ["::note deleted a"], "")
    assert ask("delete", ["a"]) == (0, [], "")
    assert ask("delete", ["never-there"]) == (0, [], "")
    assert [path for path, _ in sllm.asked] == ["/register", "/delete"]


def test_one_that_cannot_be_registered_is_named_and_those_before_it_are_kept_in_mind(ask, sllm):
    sllm.refuses = {"no/such"}
    code, _, said = ask("settle", {**wanted("a"), **wanted("no/such")})
    assert code == 1
    assert said.startswith("no/such was not deployed: ServerlessLLM answers with HTTP 500")
    assert ask("list")[1] == ["a=transformers"]


def test_up_deletes_what_only_the_inventory_had(ask, sllm):
    ask("settle", {**wanted("a"), **wanted("b")})
    ask("deploy", wanted("by-hand"))
    sllm.models["other"] = {}
    assert ask("settle", wanted("a")) == (0, ["::note deleted b"], "")
    assert ask("list")[1] == ["a=transformers", "by-hand=person transformers", "other=deployed by other means"]


def test_one_whose_settings_nobody_knows_is_deployed_again(ask, sllm):
    sllm.models["a"] = {}
    code, lines, _ = ask("settle", wanted("a"))
    assert (code, lines) == (0, ["::progress deploying a", "::note deleted a", "::note deployed a"])


def test_a_controller_that_does_not_answer_is_said(ask, sllm):
    sllm.broken = True
    code, _, said = ask("list")
    assert (code, said.partition(":")[0]) == (1, "ServerlessLLM does not list its models")
