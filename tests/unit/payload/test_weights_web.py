"""Whom the hub's library asks, and whom it shows the token, with stand-ins for both kinds of it."""

from __future__ import annotations

import io
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from provision.payload.weights.download import Capped
from provision.payload.weights.web import LONGEST, NotAsked, allowed, guard, origin, shown, whole

HUB = "https://hub.example"
SHOWN = {"Authorization": "Bearer canary", "cookie": "canary", "Range": "bytes=1-"}

Ask = Any


@pytest.fixture(params=["httpx", "requests"])
def ask(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """`ask(url, headers)`: what the guarded library does for each request, redirections included."""
    inner = ModuleType("huggingface_hub.utils._http")
    if request.param == "httpx":
        inner.default_client_factory = lambda: SimpleNamespace(event_hooks={"request": [], "response": []})  # type: ignore[attr-defined]
        made: list[Any] = []
        library = SimpleNamespace(set_client_factory=lambda factory: made.append(factory()))
    else:
        inner._default_backend_factory = lambda: SimpleNamespace(send=lambda request, **_: request)  # type: ignore[attr-defined]
        made = []
        library = SimpleNamespace(configure_http_backend=lambda factory: made.append(factory()))
    monkeypatch.setitem(sys.modules, "huggingface_hub", ModuleType("huggingface_hub"))
    monkeypatch.setitem(sys.modules, "huggingface_hub.utils", ModuleType("huggingface_hub.utils"))
    monkeypatch.setitem(sys.modules, inner.__name__, inner)
    guard(library, HUB)

    def send(url: str, headers: dict[str, str]) -> None:
        asked = SimpleNamespace(url=url, headers=headers)
        if request.param == "httpx":
            for hook in made[0].event_hooks["request"]:
                hook(asked)
        else:
            made[0].send(asked, stream=True)

    return send


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/shadow",
        "ftp://hub.example/x",
        "http://hub.example/x",
        "http://169.254.169.254/",
        "gopher://x",
        "/etc/x",
    ],
)
def test_another_kind_of_address_is_not_asked(url: str, ask: Ask) -> None:
    with pytest.raises(NotAsked, match=HUB):
        ask(url, {})


def test_the_reason_holds_no_signature(ask: Ask) -> None:
    with pytest.raises(NotAsked) as raised:
        ask("http://user:pw@cdn.example/file?X-Signature=canary", {})
    assert "canary" not in str(raised.value) and "pw" not in str(raised.value)


def test_an_address_is_shown_without_its_password() -> None:
    assert shown("https://me:pw@mirror:8443/hf?sig=x") == "https://mirror:8443/hf"


@pytest.mark.parametrize("url", ["https://cdn.example/x", "https://hub.example:8443/x", "https://hub.example.evil/x"])
def test_another_host_is_shown_no_token(url: str, ask: Ask) -> None:
    headers = dict(SHOWN)
    ask(url, headers)
    assert headers == {"Range": "bytes=1-"}


@pytest.mark.parametrize("url", [f"{HUB}/x", "https://HUB.example:443/x"])
def test_the_hub_itself_is(url: str, ask: Ask) -> None:
    headers = dict(SHOWN)
    ask(url, headers)
    assert headers == SHOWN


def test_a_hub_on_plain_http_may_lead_to_either() -> None:
    assert allowed("http://mirror/x", "http://mirror") and allowed("https://cdn/x", "http://mirror")
    assert not allowed("file:///x", "http://mirror")
    assert origin("http://a") == origin("http://a:80/x") != origin("https://a")


def test_a_library_whose_requests_are_not_seen_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("huggingface_hub", "huggingface_hub.utils", "huggingface_hub.utils._http"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    with pytest.raises(NotAsked):
        guard(SimpleNamespace(), HUB)


def test_no_more_is_taken_than_was_announced() -> None:
    file = io.BytesIO()
    capped = Capped(file, 5)
    assert capped.write(b"123") == 3
    with pytest.raises(NotAsked, match="more comes"):
        capped.write(b"456")
    assert file.getvalue() == b"123"


@pytest.mark.parametrize("path", ["/api/models/a/b", "/hf/api/models/a/b/revision/main"])
def test_what_is_said_of_a_repository_is_read_to_a_bound(path: str) -> None:
    closed: list[bool] = []
    response: Any = SimpleNamespace(url=HUB + path, close=lambda: closed.append(True))
    whole(response, lambda: iter([b"12", b"3"]))
    assert response._content == b"123" and not closed
    with pytest.raises(NotAsked, match="answers with more than 64 MiB"):
        whole(response, lambda: (bytes(1 << 20) for _ in range(1 + (LONGEST >> 20))))
    assert closed


def test_a_file_is_not_read_here() -> None:
    response: Any = SimpleNamespace(url=f"{HUB}/a/b/resolve/main/model.safetensors")
    whole(response, lambda: pytest.fail("it may be fifty gigabytes"))


def test_the_older_library_reads_no_more_either(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = ModuleType("huggingface_hub.utils._http")
    how: list[Any] = []

    def send(request: Any, **options: Any) -> Any:
        how.append(options)
        return SimpleNamespace(url=request.url, close=lambda: None, iter_content=lambda _: iter([b"{}"]))

    inner._default_backend_factory = lambda: SimpleNamespace(send=send)  # type: ignore[attr-defined]
    for name in ("huggingface_hub", "huggingface_hub.utils"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, inner.__name__, inner)
    made: list[Any] = []
    guard(SimpleNamespace(configure_http_backend=lambda factory: made.append(factory())), HUB)
    response = made[0].send(SimpleNamespace(url=f"{HUB}/api/models/a/b", headers={}), stream=False, timeout=30)
    assert response._content == b"{}" and response._content_consumed and how == [{"stream": True, "timeout": 30}]
    made[0].send(SimpleNamespace(url=f"{HUB}/a/b/resolve/main/x", headers={}), stream=True)
    assert how[-1] == {"stream": True}
