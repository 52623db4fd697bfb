"""What the hub's library may ask for, and whom it shows the token: judged before each request, also of redirections."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

#: Bytes of what a hub says of a repository, unpacked: of 200 000 files there is less.
LONGEST = 64 << 20


class NotAsked(Exception):
    """A request that is not sent: it leads to another kind of address. Or an answer that is not taken."""


def guard(library: Any, endpoint: str) -> None:
    """From now on. Raises NotAsked for a library that does not let its requests be seen."""

    def judge(url: str, headers: MutableMapping[str, Any]) -> None:
        if not allowed(url, endpoint):
            raise NotAsked(f"{shown(endpoint)} leads to {shown(url)}")
        if origin(url) != origin(endpoint):
            for name in [name for name in headers if name.lower() in ("authorization", "cookie")]:
                del headers[name]

    inner = importlib.import_module("huggingface_hub.utils._http")
    if hasattr(library, "set_client_factory"):
        # huggingface_hub from 1.0 on: httpx, which tells of each request before it is sent.
        def client() -> Any:
            made = inner.default_client_factory()
            hooks = made.event_hooks
            seen = [*hooks.get("request", ()), lambda request: judge(str(request.url), request.headers)]
            read = [*hooks.get("response", ()), lambda response: whole(response, response.iter_bytes)]
            made.event_hooks = {**hooks, "request": seen, "response": read}
            return made

        library.set_client_factory(client)
    elif hasattr(library, "configure_http_backend"):
        # Before: requests, which sends each request of a redirection by the same method.
        def session() -> Any:
            made = inner._default_backend_factory()
            send = made.send

            def seen(request: Any, **how: Any) -> Any:
                judge(request.url, request.headers)
                if not said(request.url):
                    return send(request, **how)
                response = send(request, **{**how, "stream": True})
                whole(response, lambda: response.iter_content(65536))
                response._content_consumed = True
                return response

            made.send = seen
            return made

        library.configure_http_backend(session)
    else:
        raise NotAsked("this huggingface_hub does not let its requests be seen")


def said(url: str) -> bool:
    """Whether it is asked what a repository holds; the files of one are read as far as that says."""
    return urlsplit(url).path.startswith("/api/") or "/api/models/" in urlsplit(url).path


def whole(response: Any, pieces: Callable[[], Iterable[bytes]]) -> None:
    """Reads it, before the library does so without a bound; what is packed may be far larger than what comes."""
    if not said(str(response.url)):
        return
    parts, size = [], 0
    for piece in pieces():
        size += len(piece)
        if size > LONGEST:
            response.close()
            raise NotAsked(f"{shown(str(response.url))} answers with more than {LONGEST >> 20} MiB")
        parts.append(piece)
    response._content = b"".join(parts)


def allowed(url: str, endpoint: str) -> bool:
    """HTTPS always; plain HTTP only where the hub itself is asked so; nothing else, whatever a server answers."""
    scheme = urlsplit(url).scheme.lower()
    return scheme == "https" or (scheme == "http" and urlsplit(endpoint).scheme.lower() == "http")


def origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or {"https": 443, "http": 80}.get(scheme, 0)


def shown(url: str) -> str:
    """Without what may be a secret: a password, and the query, by which a redirection to a file server is signed."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"[:200]
