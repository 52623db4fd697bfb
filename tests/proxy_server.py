"""A proxy that asks for a password, behind which servers are that have no address here; it looks into the arguments of
all processes at each request."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from locked_index import arguments_with

USER, PASSWORD = "me", "ca:na/ry@Zq"
#: What of it, in a URL or not, stands in no other text.
CANARIES = (PASSWORD, "ca%3Ana%2Fry%40Zq", "ry@Zq", "ry%40Zq")


class ProxyServer:
    """`asked`: the URLs that were let through. `refused`: how often the password was another one, or none. `seen`:
    argument lists that held the password meanwhile."""

    def __init__(self, servers: Mapping[str, Path], port: int) -> None:
        self.servers, self.port = servers, port
        self.asked: list[str] = []
        self.refused = 0
        self.seen: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def look(self) -> None:
        self.seen |= arguments_with(CANARIES)


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *args: object, of: list[ProxyServer], **how: object) -> None:
        self.of = of[0]
        super().__init__(*args, **how)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.of.look()
        given = self.headers.get("Proxy-Authorization", "").removeprefix("Basic ")
        if given != base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
            self.of.refused += 1
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="way out"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        place = urlsplit(self.path)
        folder = self.of.servers.get(place.hostname or "")
        if folder is None:
            self.send_error(502)
            return
        self.of.asked.append(self.path)
        self.directory, self.path = str(folder), place.path
        super().do_GET()

    do_HEAD = do_GET

    def do_CONNECT(self) -> None:
        """To where a certificate would be needed."""
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def proxy_before(servers: Mapping[str, Path]) -> Iterator[ProxyServer]:
    """`servers`: by name, the folder of what each has."""
    place: list[ProxyServer] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, of=place)) as server:
        place.append(ProxyServer(servers, server.server_address[1]))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield place[0]
        server.shutdown()
        thread.join()
