"""A model hub for tests, as far as `huggingface_hub` asks it: what a repository holds, and its files, in pieces."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
import zlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

#: From there on a file is stored as a large one, and named by its sha256 (the real hub: 10 MB).
LARGE = 100_000


@dataclass
class Repository:
    """`files` of one commit. `token`: what must be shown, empty for nothing. `gated`: also its list is shown to
    nobody. `holds`: file → bytes after which it waits for `FakeHub.go`. `spoiled`: files of which other bytes come;
    `longer`: more bytes than announced. `endless`: its list goes on, `plain` or `packed`. `leads`: file → where it
    leads instead. `unhashed`: files without a hash."""

    files: dict[str, bytes]
    commit: str = "a" * 40
    token: str = ""
    gated: bool = False
    holds: dict[str, int] = field(default_factory=dict)
    spoiled: set[str] = field(default_factory=set)
    longer: set[str] = field(default_factory=set)
    leads: dict[str, str] = field(default_factory=dict)
    unhashed: set[str] = field(default_factory=set)
    endless: str = ""


class FakeHub:
    """Serves `repositories` by name. `loaded`: (file, first byte) of each download that was begun. `shown`: the tokens
    that came with them. `holding` is set when a file has come to where it is held, until somebody sets `go`."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.repositories: dict[str, Repository] = {}
        self.loaded: list[tuple[str, int]] = []
        self.shown: list[str] = []
        self.asked = 0
        self.holding, self.go = threading.Event(), threading.Event()
        hub = self

        class Handler(_Handler):
            of = hub

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def stop(self) -> None:
        self.go.set()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    of: FakeHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, *_: object) -> None:
        return

    def _answer(self, *, body: bool) -> None:
        self.of.asked += 1
        path = unquote(urlsplit(self.path).path)
        about = re.match(r"/api/models/(.+?)(?:/revision/(.+))?\Z", path)
        file = re.match(r"/(.+?)/resolve/([^/]+)/(.+)\Z", path)
        name, revision = (about[1], about[2]) if about else (file[1], file[2]) if file else ("", "")
        repository = self.of.repositories.get(name)
        if repository is None or (repository.token and self._shown != repository.token):
            gated = repository is not None and repository.gated
            self._refuse(403 if gated else 401, "GatedRepo" if gated else "RepoNotFound")
        elif revision not in (None, "main", repository.commit):
            self._refuse(404, "RevisionNotFound")
        elif about and repository.endless:
            self._go_on(packed=repository.endless == "packed")
        elif about:
            self._send(200, json.dumps(_info(name, repository)).encode(), {"Content-Type": "application/json"}, body)
        elif file and file[3] in repository.files:
            self._file(repository, file[3], body=body)
        else:
            self._refuse(404, "EntryNotFound")

    @property
    def _shown(self) -> str:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ")

    def _file(self, repository: Repository, name: str, *, body: bool) -> None:
        content = repository.files[name]
        headers = {"ETag": f'"{_hash(content)}"', "X-Repo-Commit": repository.commit, "Accept-Ranges": "bytes"}
        if len(content) >= LARGE:
            headers |= {"X-Linked-Etag": f'"{_hash(content)}"', "X-Linked-Size": str(len(content))}
        wanted = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        first = int(wanted[1]) if wanted else 0
        if wanted:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
        sent = content
        if name in repository.spoiled:
            sent = content[:-1] + bytes([content[-1] ^ 1])
        if name in repository.longer:
            sent = content + bytes(len(content))
        if body:
            self.of.shown.append(self._shown)
            if name in repository.leads:
                self._send(302, b"", {"Location": repository.leads[name]}, body)
                return
            self.of.loaded.append((name, first))
            if name in repository.holds:
                self._hold(sent[first:], headers, repository.holds.pop(name))
                return
        self._send(206 if wanted else 200, sent[first:], headers, body)

    def _hold(self, content: bytes, headers: dict[str, str], after: int) -> None:
        self.send_response(200)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content[:after])
        self.wfile.flush()
        self.of.holding.set()
        self.of.go.wait(30)
        self.close_connection = True

    def _go_on(self, *, packed: bool) -> None:
        """As a packed answer of some KiB, or as a plain one, of a GiB."""
        blanks = b" " * (1 << 20)
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            for _ in range(1 << 10):
                self.wfile.write(packer.compress(blanks) if packed else blanks)

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": f"{code} at {self.path}"}, True)

    def _send(self, status: int, content: bytes, headers: dict[str, str], body: bool) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(content)


def _info(name: str, repository: Repository) -> dict[str, object]:
    siblings = []
    for file, content in repository.files.items():
        told: dict[str, object] = {"rfilename": file, "size": len(content), "blobId": _blob(content)}
        if file in repository.unhashed:
            del told["blobId"]
        elif len(content) >= LARGE:
            told["lfs"] = {"sha256": _hash(content), "size": len(content), "pointerSize": 134}
        siblings.append(told)
    return {"id": name, "modelId": name, "sha": repository.commit, "private": False, "tags": [], "siblings": siblings}


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _blob(content: bytes) -> str:
    """As git names it."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
