"""The controller's own web client: user and password of a URL go into a header, to that server alone."""

import base64
import http.server
import threading
from collections.abc import Iterator

import pytest

from provision.core.secret import Secret
from provision.transport.web import NotFetched, fetch


@pytest.fixture
def server() -> Iterator[tuple[int, list[str]]]:
    """A port, and the Authorization of each request. `/away` leads to another host."""
    seen: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.headers.get("Authorization", ""))
            away = self.path == "/away"
            self.send_response(302 if away else 200 if self.path == "/here" else 404)
            if away:
                self.send_header("Location", f"http://localhost:{self.server.server_port}/here")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield listening.server_port, seen
        listening.shutdown()
        thread.join()


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def test_a_password_is_sent_decoded_and_not_to_where_a_redirection_leads(
    server: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    port, seen = server
    assert fetch(f"http://me:hu%40sh@127.0.0.1:{port}/here") == b"ok"
    assert fetch(f"http://me:hush@127.0.0.1:{port}/away") == b"ok"
    assert fetch(f"http://me:hush@127.0.0.1:{port}/here", token=Secret("tok")) == b"ok"
    assert fetch(f"http://127.0.0.1:{port}/here") == b"ok"
    assert seen == [basic("me:hu@sh"), basic("me:hush"), "", "Bearer tok", ""]


def test_what_fails_names_the_url_without_it(server: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    port, _ = server
    for url in (f"http://me:hush@127.0.0.1:{port}/none", "http://me:hush@127.0.0.1:1/"):
        with pytest.raises(NotFetched, match=r"http://\*{8}@127\.0\.0\.1") as caught:
            fetch(url)
        assert "hush" not in str(caught.value)


def test_a_document_that_is_too_long_is_said_to_be(
    server: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off it would look like another one."""
    monkeypatch.setenv("no_proxy", "*")
    url = f"http://127.0.0.1:{server[0]}/here"
    assert fetch(url, limit=2) == b"ok"
    with pytest.raises(NotFetched, match=f"{url} answers with more than 0 MiB"):
        fetch(url, limit=1)
