"""The API key in front of everything that a model server answers: a class of pure ASGI for vLLM's `--middleware`.

vLLM's own key guards the paths below /v1, /v2, /inference and /cohere as they are written, and nothing else
(vllm/entrypoints/serve/middleware/authenticate.py, 0.32.0): /invocations answers as /v1 does, //v1/models is another
path. This one names what is open and refuses the rest: HTTP and WebSockets alike, and every kind of connection that
it does not know. It is put on a host as a file of its own, outside of the environment, and imported by the API server.

In the environment: VLLM_API_KEY, the key, without which no server starts; PROVISION_GUARD_OPEN, names of OPEN that
need no key; PROVISION_GUARD_PREFLIGHT, not empty where browsers of other origins are let in.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Iterable[tuple[bytes, bytes]]

#: What may be asked without the key: name → path, and with which methods. The first needs no word of anybody.
OPEN = {
    "health": ("/health", ("GET", "HEAD")),
    "metrics": ("/metrics", ("GET", "HEAD")),
    "ping": ("/ping", ("GET", "HEAD", "POST")),
}

_BODY = b'{"error": {"message": "the API key is missing or wrong", "type": "Unauthorized", "code": 401}}'


class Guard:
    """Raises RuntimeError, with which the server does not start, if there is no key or a word that it does not know."""

    def __init__(self, app: App) -> None:
        key = os.environb.get(b"VLLM_API_KEY", b"")
        if not key:
            raise RuntimeError("VLLM_API_KEY is empty: there is no key to ask for")
        names = os.environ.get("PROVISION_GUARD_OPEN", "").split()
        if unknown := [name for name in names if name not in OPEN]:
            raise RuntimeError(f"PROVISION_GUARD_OPEN: {', '.join(unknown)} is none of {', '.join(OPEN)}")
        self._app = app
        self._key = _digest(key)
        self._open = dict(OPEN[name] for name in ("health", *names))
        self._preflight = bool(os.environ.get("PROVISION_GUARD_PREFLIGHT"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan" or (kind in ("http", "websocket") and self._lets_in(scope, kind)):
            await self._app(scope, receive, send)
        elif kind == "http":
            await _refuse(send, "http.response", body=scope.get("method") != "HEAD")
        elif kind == "websocket":
            await receive()
            if "websocket.http.response" in (scope.get("extensions") or {}):
                await _refuse(send, "websocket.http.response", body=True)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": "Unauthorized"})
        else:
            raise RuntimeError(f"a connection of the kind `{kind}` is refused: it cannot show the API key")

    def _lets_in(self, scope: Scope, kind: str) -> bool:
        headers = [(name.lower(), value) for name, value in scope.get("headers") or ()]
        if self._shown(headers):
            return True
        if kind != "http":
            return False
        method = scope.get("method", "")
        if method == "OPTIONS" and self._preflight:
            # What is asked like this is answered by Starlette's CORSMiddleware, and reaches no route.
            return {b"origin", b"access-control-request-method"} <= {name for name, _ in headers}
        return method in self._open.get(_asked(scope), ())

    def _shown(self, headers: Headers) -> bool:
        """One key, in one header: of several, a proxy and the server might each read another one."""
        given = [value for name, value in headers if name == b"authorization"]
        scheme, _, key = (given[0] if len(given) == 1 else b"").partition(b" ")
        # Compared whatever the scheme is, and by digests of one length: how long it takes says nothing.
        same = hmac.compare_digest(_digest(key), self._key)
        return same and scheme.lower() == b"bearer"


def _asked(scope: Scope) -> str:
    """The path that the router will look at, if it is written plainly; otherwise an empty one, which is not open.

    `root_path` is what a proxy may put in front, or not (starlette/_utils.py, get_route_path)."""
    path = str(scope.get("path", ""))
    raw = scope.get("raw_path")
    if raw is not None and raw.partition(b"?")[0] != path.encode("utf-8", "surrogateescape"):
        return ""
    root = str(scope.get("root_path") or "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


async def _refuse(send: Send, kind: str, *, body: bool) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(_BODY)).encode()),
        (b"www-authenticate", b"Bearer"),
    ]
    await send({"type": f"{kind}.start", "status": 401, "headers": headers})
    await send({"type": f"{kind}.body", "body": _BODY if body else b""})


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
