"""Requests to a model server, and what it is called when none of them is answered.

Imported by the controller, and sent to hosts with what asks.
"""

from __future__ import annotations

import http.client
import json
import urllib.request
from collections.abc import Callable
from typing import Any

from provision.payload import bounded, pinned
from provision.payload.pinned import Whose

#: Path, body, seconds for the whole of it → the answer as a stream of lines. Raises HTTPError, OSError.
Post = Callable[[str, Any, float], Any]


class NotAnAnswer(OSError):
    """What came is no answer of a model server."""


def over_http(url: str, key: str = "", whose: Whose = str, certificate: str = "") -> Post:
    """Posts to the server at `url`, past any proxy of the environment: a cluster's address is none's to reach. `whose`
    is asked for each connection, before anything is said through it; and with https nothing is said to who does not
    have the `certificate`, given by its SHA-256."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stays(), _Checked(whose, certificate))

    def post(path: str, body: Any, timeout: float) -> Any:
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        data = None if body is None else json.dumps(body).encode()
        return opener.open(urllib.request.Request(url + path, data, headers), timeout=timeout)

    return post


class _Stays(urllib.request.HTTPRedirectHandler):
    """Goes nowhere else: the key would go along."""

    def redirect_request(self, *_: Any) -> None:
        return None


class _Checked(urllib.request.HTTPHandler):
    #: Before urllib's own for https.
    handler_order = 400

    def __init__(self, whose: Whose, certificate: str) -> None:
        super().__init__()
        self._whose, self._certificate = whose, certificate

    def http_open(self, request: urllib.request.Request) -> Any:
        connection, how = pinned.connections(request.type, self._certificate, self._whose)
        return self.do_open(connection, request, **how)

    https_open = http_open


#: Of one that did not answer within its time.
LATE = "no answer in time"


def reason(error: Exception) -> str:
    """In a few words, without Python's own."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return LATE
    if isinstance(cause, (bounded.TooMuch, NotAnAnswer)):
        return str(cause)
    if isinstance(cause, OSError):
        return (cause.strerror or str(cause) or type(cause).__name__).lower()
    if isinstance(cause, http.client.HTTPException):
        return f"what it answers is no HTTP: {type(cause).__name__}"
    return f"what it answers cannot be read: {type(cause).__name__}"
