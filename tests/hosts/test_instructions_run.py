"""The lines that `up` ends with are typed, for each kind of model, against a server that answers as vLLM does."""

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

from provision.inventory.models import SecretSource
from provision.payload.ask import CHAT, COMPLETION, EMBEDDING, POOLING
from provision.serving.instructions import ApiKey, curl_line, python_lines

KEY = "key with $ and 'quotes'"
ANSWERS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}}]},
    "/v1/completions": {"choices": [{"index": 0, "text": "Hello."}]},
    "/v1/embeddings": {"data": [{"index": 0, "object": "embedding", "embedding": [0.5, 0.25]}]},
    "/pooling": {"data": [{"index": 0, "data": [0.1, 0.9]}]},
}
PRINTS = {CHAT: "Hello.", COMPLETION: "Hello.", EMBEDDING: "2", POOLING: "{'index': 0, 'data': [0.1, 0.9]}"}


class Vllm(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        right = self.headers["Authorization"] == f"Bearer {KEY}" and body["model"] == "my 'model'"
        answer = json.dumps(ANSWERS[self.path] if right else {"error": "Unauthorized"}).encode()
        self.send_response(200 if right else 401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Vllm) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def typed(text: str, program: list[str]) -> str:
    environment = {**os.environ, "MY_KEY": KEY}
    done = subprocess.run(program, input=text, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("kind", "place"),
    [(CHAT, "env"), (CHAT, "file"), (COMPLETION, "env"), (EMBEDDING, "env"), (POOLING, "env")],
)
def test_the_lines_of_each_kind_of_model_work_as_they_are(kind: str, place: str, url: str, tmp_path: Path) -> None:
    file = tmp_path / "the key"
    file.write_text(f"{KEY}\n")
    source = SecretSource(env="MY_KEY") if place == "env" else SecretSource(file=str(file))
    key = ApiKey.of(source, tmp_path)
    said = json.loads(typed(curl_line(url, "my 'model'", kind, key), ["sh"]))
    assert said in ANSWERS.values()
    assert typed("\n".join(python_lines(url, "my 'model'", kind, key)), [sys.executable, "-"]) == PRINTS[kind]
