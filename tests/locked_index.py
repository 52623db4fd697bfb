"""A package index over HTTP that asks for a password, and looks into the arguments of all processes at each request."""

from __future__ import annotations

import base64
import http.server
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from package_index import Index

USER, PASSWORD = "me", "ca:na/ry@Zq"
#: Inside a URL.
ENCODED = "ca%3Ana%2Fry%40Zq"
#: What of it stands in no other text.
CANARIES = (PASSWORD, ENCODED, "ry@Zq", "ry%40Zq")


class LockedIndex:
    """`seen`: argument lists that held the password while the index was asked. `let_in`: requests with the password."""

    def __init__(self, index: Index, port: int) -> None:
        self.index = index
        self.port = port
        self.let_in = 0
        self.seen: set[str] = set()

    def url(self, path: str = "simple") -> str:
        return f"http://{USER}:{ENCODED}@127.0.0.1:{self.port}/{path}"

    def look(self) -> None:
        self.seen |= arguments_with(CANARIES)


def arguments_with(canaries: Iterable[str]) -> set[str]:
    """Of all processes, the argument lists that hold one of them."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if any(canary in words for canary in canaries):
            found.add(words)
    return found


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *args: object, locked: list[LockedIndex], **how: object) -> None:
        self.locked = locked[0]
        super().__init__(*args, directory=str(self.locked.index.folder), **how)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.locked.look()
        given = self.headers.get("Authorization", "").removeprefix("Basic ")
        if given != base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="packages"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.locked.let_in += 1
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def locked(index: Index) -> Iterator[LockedIndex]:
    place: list[LockedIndex] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, locked=place)) as server:
        place.append(LockedIndex(index, server.server_address[1]))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield place[0]
        server.shutdown()
        thread.join()
