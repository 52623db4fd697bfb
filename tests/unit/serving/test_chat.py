import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import provision
from provision.core.errors import UsageError
from provision.serving.smoke import Chat, NoAnswer, chat


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """Answers with what it was asked, and nothing that can be read to the question `garbage`."""

    class Echo(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            question = body["messages"][0]["content"]
            said: Any = {"choices": [{"message": {"content": f"{body['model']} heard {question}"}}]}
            text = b"?" if question == "garbage" else json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


def inventory(folder: Path, port: int, serve: str = "serve: {{model: /m, name: tiny, port: {port}}}\n") -> Any:
    path = folder / "inventory.yaml"
    path.write_text(f"cluster: c\nhosts:\n  a: {{address: 127.0.0.1}}\n{serve.format(port=port)}")
    return provision.load(path)


def test_a_question_of_ones_own_is_answered(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    port = server.server_address[1]
    answer = chat(inventory(tmp_path, port), "What are you?")
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    assert answer == Chat(url, "What are you?", "tiny heard What are you?")


def test_an_answer_that_cannot_be_read_names_the_server(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    port = server.server_address[1]
    with pytest.raises(NoAnswer, match=f"http://127.0.0.1:{port}: what it answers cannot be read"):
        chat(inventory(tmp_path, port), "garbage")


def test_nobody_there_and_nothing_served(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    port = server.server_address[1]
    server.server_close()
    with pytest.raises(NoAnswer, match=f"a: http://127.0.0.1:{port}: "):
        chat(inventory(tmp_path, port), "x")
    with pytest.raises(UsageError, match="the inventory serves no model"):
        chat(inventory(tmp_path, port, ""), "x")
