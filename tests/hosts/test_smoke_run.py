"""`smoke` over a real sshd, of a server that answers as vLLM does and has the stamp of one that `up` started."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from daemons import CLUSTER

from provision.core.errors import UsageError
from provision.core.secret import Secret
from provision.inventory.models import Host, Inventory, Serve
from provision.serving import smoke as smoking
from provision.serving.running import NotServing
from provision.serving.smoke import NoAnswer, smoke
from provision.transport.reach import closed

pytestmark = pytest.mark.hosts

KEY = Secret("right-key", "VLLM_API_KEY")
SERVER = """
import json, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

class Vllm(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] != "Bearer right-key":
            self.send_error(401)
            return
        self.send_response(200)
        self.end_headers()
        for piece in ("Hel", "lo."):
            event = {"choices": [{"delta": {"content": piece}}]}
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\\n\\n")
            self.wfile.flush()
            time.sleep(float(sys.argv[2]))
        self.wfile.write(b"data: [DONE]\\n\\n")

    def log_message(self, *_):
        pass

HTTPServer(("127.0.0.1", int(sys.argv[1])), Vllm).serve_forever()
"""


@dataclass
class Served:
    inventory: Inventory
    process: subprocess.Popen[bytes]
    stamp: Path


@pytest.fixture
def served(make_host: Callable[..., Host], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    pace = getattr(request, "param", 0.05)
    root = tmp_path / "root"
    head = make_host().model_copy(update={"role": "head", "root": str(root)})
    binaries = root / "envs" / f"current-{CLUSTER}" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").symlink_to(sys.executable)
    stamp = root / "clusters" / CLUSTER / head.name / "vllm" / "stamp"
    stamp.parent.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        endpoint = free.getsockname()
    mark = {**os.environ, "PROVISION_SERVICE": f"{CLUSTER}/{head.name}/vllm"}
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(endpoint[1]), str(pace)], env=mark)
    started = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[19]
    address = f"--host={endpoint[0]}\n--port={endpoint[1]}\n"
    stamp.write_text(f"model=/models/tiny\n{address}pid={process.pid}\nstart={started}\nready=yes\n")
    inventory = Inventory(
        path=tmp_path / "here.yaml", cluster=CLUSTER, hosts=(head,), serve=Serve(model="/models/tiny")
    )
    deadline = time.monotonic() + 20
    while closed([endpoint], 1) and time.monotonic() < deadline:
        time.sleep(0.05)
    yield Served(inventory, process, stamp)
    process.kill()
    process.wait()


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's port cannot be connected to from here."""
    monkeypatch.setattr(smoking, "closed", lambda endpoints: dict.fromkeys(endpoints, "no answer within 2 s"))


def test_what_runs_is_asked_from_here(served: Served) -> None:
    seen = smoke(served.inventory, {"VLLM_API_KEY": KEY})
    assert (seen.direct, seen.answer.text, seen.answer.kind) == (True, "Hello.", "chat completion")
    assert seen.url.startswith("http://127.0.0.1:")
    assert 0 < seen.answer.first < seen.answer.seconds


@pytest.mark.usefixtures("far")
def test_where_that_does_not_go_the_head_asks_itself(served: Served) -> None:
    seen = smoke(served.inventory, {"VLLM_API_KEY": KEY})
    assert (seen.direct, seen.why) == (False, "no answer within 2 s")
    assert (seen.answer.text, seen.answer.kind, seen.answer.tokens) == ("Hello.", "chat completion", 2)


@pytest.mark.parametrize("way", ["direct", "far"])
def test_a_wrong_key_is_named_as_the_cause_whichever_way_it_was_asked(
    way: str, served: Served, request: pytest.FixtureRequest
) -> None:
    if way == "far":
        request.getfixturevalue("far")
    with pytest.raises(NoAnswer) as caught:
        smoke(served.inventory, {"VLLM_API_KEY": Secret("other-than-that", "VLLM_API_KEY")})
    assert "wants another API key" in caught.value.message, caught.value.evidence
    assert "is not the key that it was started with" in caught.value.hint
    with pytest.raises(NoAnswer, match="wants another API key") as caught:
        smoke(served.inventory, {})
    assert "give the key" in caught.value.hint


@pytest.mark.parametrize("served", [2.0], indirect=True)
@pytest.mark.parametrize("way", ["direct", "far"])
def test_an_answer_that_takes_too_long_is_given_up(way: str, served: Served, request: pytest.FixtureRequest) -> None:
    if way == "far":
        request.getfixturevalue("far")
    with pytest.raises(NoAnswer, match=r"no answer in time \(0.5 s\)"):
        smoke(served.inventory, {"VLLM_API_KEY": KEY}, timeout=0.5)


def test_a_server_that_died_is_not_asked_and_nobody_who_took_its_port_either(served: Served) -> None:
    served.stamp.write_text(served.stamp.read_text().replace("start=", "start=1"))
    with pytest.raises(NotServing, match="no model is served here: its process is gone") as caught:
        smoke(served.inventory, {"VLLM_API_KEY": KEY})
    assert caught.value.hint == f"provision up {served.inventory.path}"


def test_an_inventory_that_serves_nothing_has_nothing_to_ask(make_host: Callable[..., Host], tmp_path: Path) -> None:
    head = make_host().model_copy(update={"role": "head"})
    with pytest.raises(UsageError, match="serves no model"):
        smoke(Inventory(path=tmp_path / "a.yaml", cluster="a", hosts=(head,)), {})
