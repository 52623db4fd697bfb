"""The API key guards everything but what is named: whatever the kind of connection, and however a path is written."""

import asyncio
import itertools
from typing import Any

import pytest

from provision.payload.guard import OPEN, Guard

KEY = "canary-guard-key"
RIGHT = (b"authorization", f"Bearer {KEY}".encode())

#: A connection that does not show the key → what makes it worth trying.
TRICKS = {
    "/v1/models": "guarded by vLLM, too",
    "//v1/models": "another path to vLLM",
    "/v1/../health": "ends like an open one",
    "/health/../v1/models": "begins like an open one",
    "/health/": "would be redirected",
    "/health/x": "below an open one",
    "/healthz": "begins like an open one",
    "//health": "another path",
    "/HEALTH": "another path",
    "/health;v1": "parameters of a segment",
    "/health\x00": "cut off by whoever writes C",
    "/invocations": "answers as /v1 does",
    "/tokenize": "outside of /v1",
    "/scale_elastic_ep": "outside of /v1",
    "/inference/v1/generate": "a prefix of its own",
    "/metrics": "only if asked for",
    "/metrics/x": "the mount takes it",
    "/metricsx": "the mount takes it",
    "/ping": "only if asked for",
    "/docs": "a page of FastAPI",
    "/openapi.json": "all routes",
    "/static/swagger-ui.css": "a mount",
    "/no-such-path": "nothing is there",
    "/": "nothing is there",
    "": "no path at all",
    "*": "what OPTIONS may ask for",
    "http://10.0.0.1:8000/health": "the absolute form",
}


class App:
    """What lies behind: it notes each connection, and answers 200."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.reached.append(str(scope.get("path", scope["type"])))
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"answer"})
        elif scope["type"] == "websocket":
            await send({"type": "websocket.accept"})


def guarded(monkeypatch: pytest.MonkeyPatch, *, opened: str = "", preflight: str = "", key: str = KEY) -> Guard:
    monkeypatch.setenv("VLLM_API_KEY", key)
    monkeypatch.setenv("PROVISION_GUARD_OPEN", opened)
    monkeypatch.setenv("PROVISION_GUARD_PREFLIGHT", preflight)
    return Guard(App())


def connect(guard: Guard, path: str = "/v1/models", *headers: tuple[bytes, bytes], **scope: Any) -> list[Any]:
    """What is sent back. `scope`: of ASGI, on top of an HTTP GET."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    http = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": list(headers)}
    asyncio.run(guard({**http, **scope}, receive, send))
    return sent


def status(guard: Guard, path: str = "/v1/models", *headers: tuple[bytes, bytes], **scope: Any) -> int:
    return int(connect(guard, path, *headers, **scope)[0]["status"])


def reached(guard: Guard) -> list[str]:
    app = guard._app
    assert isinstance(app, App)
    return app.reached


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "X"]
)
@pytest.mark.parametrize("path", TRICKS)
def test_without_the_key_no_path_is_answered(path: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = guarded(monkeypatch)
    assert status(guard, path, method=method) == 401
    assert reached(guard) == []


@pytest.mark.parametrize("path", TRICKS)
def test_with_the_key_every_path_is(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = guarded(monkeypatch)
    assert status(guard, path, RIGHT) == 200
    assert reached(guard) == [path]


def test_health_is_open_to_be_read_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = guarded(monkeypatch)
    assert [status(guard, "/health", method=method) for method in ("GET", "HEAD")] == [200, 200]
    assert [status(guard, "/health", method=method) for method in ("POST", "OPTIONS", "get")] == [401] * 3


def test_a_query_is_no_part_of_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = guarded(monkeypatch)
    assert status(guard, "/health", query_string=b"x=/v1", raw_path=b"/health?x=/v1") == 200
    assert status(guard, "/health", raw_path=None) == 200


@pytest.mark.parametrize("raw", [b"/%68ealth", b"/x/..%2fhealth", b"/v1/models", b"/health%00", b"/health%3f", b""])
def test_an_open_path_that_is_written_otherwise_is_not_open(raw: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert status(guarded(monkeypatch), "/health", raw_path=raw) == 401


@pytest.mark.parametrize(
    ("root", "path", "wanted"),
    [
        ("/api", "/api/health", 200),
        ("/api", "/health", 200),
        ("/api", "/api", 401),
        ("/api", "/api/api/health", 401),
        ("/api", "/apihealth", 401),
        ("/api/", "/api/health", 401),
        # Behind such a proxy, the router looks for /v1/models, and for nothing.
        ("/health", "/health/v1/models", 401),
        ("/health", "/health", 200),
        ("/health", "/health/health", 200),
        ("/v1", "/v1/models", 401),
    ],
)
def test_a_proxys_prefix_opens_nothing_else(root: str, path: str, wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert status(guarded(monkeypatch), path, root_path=root) == wanted


def test_metrics_and_ping_are_open_only_if_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = guarded(monkeypatch, opened="metrics ping")
    assert [status(guard, path) for path in ("/metrics", "/ping", "/health")] == [200] * 3
    assert status(guard, "/ping", method="POST") == 200
    assert [status(guard, path) for path in ("/metrics/", "/metricsx", "/metrics/x", "/pings", "/v1/models")] == [
        401
    ] * 5
    assert status(guard, "/metrics", method="POST") == 401


@pytest.mark.parametrize(
    "headers",
    [
        [(b"authorization", b"")],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"Bearer ")],
        [(b"authorization", KEY.encode())],
        [(b"authorization", b"Basic " + KEY.encode())],
        [(b"authorization", b"Bearer wrong")],
        [(b"authorization", b"Bearer " + KEY.encode() + b"x")],
        [(b"authorization", b"Bearer " + KEY.encode()[:-1])],
        [(b"authorization", b"Bearer " + KEY.upper().encode())],
        [(b"authorization", b"Bearer x, Bearer " + KEY.encode())],
        [(b"x-api-key", KEY.encode())],
        [(b"proxy-authorization", b"Bearer " + KEY.encode())],
        [(b"authorization", b"Bearer wrong"), RIGHT],
        [RIGHT, (b"authorization", b"Bearer wrong")],
        [RIGHT, RIGHT],
    ],
    ids=str,
)
def test_another_key_or_two_are_none(headers: list[tuple[bytes, bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    guard = guarded(monkeypatch)
    assert status(guard, "/v1/models", *headers) == 401
    assert status(guard, "/invocations", *headers, method="POST") == 401


@pytest.mark.parametrize("name", [b"authorization", b"Authorization", b"AUTHORIZATION"])
@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER"])
def test_the_case_of_header_and_scheme_does_not_matter(
    name: bytes, scheme: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert status(guarded(monkeypatch), "/tokenize", (name, scheme + b" " + KEY.encode())) == 200


def test_a_key_beyond_ascii_is_compared_byte_by_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = guarded(monkeypatch, key="schlüssel")
    assert status(guard, "/x", (b"authorization", "Bearer schlüssel".encode())) == 200
    assert status(guard, "/x", (b"authorization", b"Bearer schlussel")) == 401


@pytest.mark.parametrize("path", ["/v1/realtime", "/health", "/metrics", "/anything"])
def test_a_websocket_without_the_key_is_closed_before_it_opens(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    guard = guarded(monkeypatch, opened="metrics ping", preflight="yes")
    (closed,) = connect(guard, path, type="websocket")
    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)
    answer = connect(guard, path, type="websocket", extensions={"websocket.http.response": {}})
    assert (answer[0]["type"], answer[0]["status"]) == ("websocket.http.response.start", 401)
    assert reached(guard) == []
    (accepted,) = connect(guard, path, RIGHT, type="websocket")
    assert accepted["type"] == "websocket.accept"


def test_a_kind_of_connection_that_nobody_knows_is_refused_and_the_servers_own_start_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    guard = guarded(monkeypatch)
    for kind in ("webtransport", "Http", "startup", ""):
        with pytest.raises(RuntimeError, match="is refused"):
            connect(guard, "/health", RIGHT, type=kind)
    assert reached(guard) == []
    connect(guard, type="lifespan", path="lifespan")
    assert reached(guard) == ["lifespan"]


def test_a_preflight_passes_only_where_browsers_of_other_origins_are_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ((b"origin", b"https://a.example"), (b"access-control-request-method", b"POST"))
    assert status(guarded(monkeypatch), "/v1/models", *asked, method="OPTIONS") == 401
    guard = guarded(monkeypatch, preflight="yes")
    assert status(guard, "/v1/models", *asked, method="OPTIONS") == 200
    for some in itertools.chain([()], ([one] for one in asked)):
        assert status(guard, "/metrics", *some, method="OPTIONS") == 401
    assert status(guard, "/v1/models", *asked) == 401


def test_who_is_turned_away_is_told_so_as_http_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    start, body = connect(guarded(monkeypatch))
    headers = dict(start["headers"])
    assert headers[b"www-authenticate"] == b"Bearer"
    assert int(headers[b"content-length"]) == len(body["body"]) > 0
    _, body = connect(guarded(monkeypatch), method="HEAD")
    assert body["body"] == b""


@pytest.mark.parametrize(
    "given", [{"key": ""}, {"opened": "invocations"}, {"opened": "metrics /v1"}], ids=["no key", "a path", "one of two"]
)
def test_a_server_that_cannot_be_guarded_does_not_start(given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError):
        guarded(monkeypatch, **given)


def test_no_two_names_open_one_path() -> None:
    assert len({path for path, _ in OPEN.values()}) == len(OPEN)
