"""What the controller fetches, through a proxy that wants a password: locking, wheels, and the model's config."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from package_index import Index
from proxy_server import CANARIES, PASSWORD, USER, ProxyServer, proxy_before

from provision.core.errors import InventoryError, LockError
from provision.environment.ambient import reaching
from provision.environment.lockfile import make_lock
from provision.environment.wheels import fetch_wheels
from provision.inventory.models import Host, Inventory, Proxy, Python, SecretSource, Serve, WeightsSource
from provision.transport.proxies import through_proxy
from provision.transport.web import NotFetched, fetch
from provision.weights.lookup import from_hub, look_for

INDEX = "http://index.invalid/simple"


@pytest.fixture(autouse=True)
def own_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its own proxies lead nowhere: only those of the inventory do."""
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    # pip takes no index without a certificate otherwise.
    monkeypatch.setenv("PIP_TRUSTED_HOST", "index.invalid")
    monkeypatch.setenv("PIP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("PROXY_PASSWORD", PASSWORD)


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[ProxyServer]:
    index = Index(tmp_path / "index")
    index.add("tiny", "1.0")
    hub = tmp_path / "hub" / "acme" / "tiny" / "resolve" / "main"
    hub.mkdir(parents=True)
    (hub / "config.json").write_text('{"model_type": "llama", "num_hidden_layers": 2}')
    listing = tmp_path / "hub" / "api" / "models" / "acme" / "tiny" / "revision"
    listing.mkdir(parents=True)
    (listing / "main").write_text(json.dumps({"siblings": [{"rfilename": "model.safetensors", "size": 12}]}))
    with proxy_before({"index.invalid": index.folder, "hub.invalid": tmp_path / "hub"}) as server:
        yield server


def inventory(proxy: ProxyServer, tmp_path: Path, *, password: str = "PROXY_PASSWORD") -> Inventory:
    said = Proxy(url=proxy.url, user=USER, password=SecretSource(env=password), no_proxy=("10.0.0.0/8",))
    python = Python(version="3.11", packages=("tiny",), index=INDEX)
    host = Host(name="gpu-01", address="10.0.0.1", role="head")
    serve = Serve(model="acme/tiny", weights=WeightsSource(source="hub"))
    return Inventory(path=tmp_path / "a.yaml", cluster="llama", hosts=(host,), python=python, proxy=said, serve=serve)


def test_packages_are_locked_and_fetched_through_it_and_its_password_is_nowhere(
    proxy: ProxyServer, tmp_path: Path
) -> None:
    python = through_proxy(inventory(proxy, tmp_path)).python
    lock = make_lock(python, tmp_path / "a.lock")
    assert lock.packages == {"tiny": "1.0"}
    asked = len(proxy.asked)
    assert set(fetch_wheels(lock, python, tmp_path / "wheels")) == {"tiny"}
    assert asked and len(proxy.asked) > asked, "one of the two went another way"
    assert not proxy.seen, "the password was in an argument list"
    texts = [lock.text, repr(python), python.model_dump_json(), *(p.read_text() for p in tmp_path.glob("*.lock"))]
    assert not any(canary in text for canary in CANARIES for text in texts)


def test_that_of_the_inventory_does_not_make_a_lock_stale(proxy: ProxyServer, tmp_path: Path) -> None:
    said = inventory(proxy, tmp_path)
    lock = make_lock(through_proxy(said).python, tmp_path / "a.lock")
    assert lock.text == make_lock(through_proxy(said).python, tmp_path / "b.lock").text
    assert "proxy" not in lock.text


def test_what_it_refuses_is_told_without_the_password(
    proxy: ProxyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG", "other-ry@Zq")
    python = through_proxy(inventory(proxy, tmp_path, password="WRONG")).python
    with pytest.raises(LockError) as raised:
        make_lock(python, tmp_path / "a.lock")
    assert proxy.refused
    said = " ".join((raised.value.message, *raised.value.evidence, raised.value.hint))
    assert "other" not in said and not any(canary in said for canary in CANARIES)


def test_a_password_that_is_not_there_is_a_problem_of_the_inventory(proxy: ProxyServer, tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=r"proxy\.password"):
        through_proxy(inventory(proxy, tmp_path, password="NOT_SET_ANYWHERE"))


def test_the_hub_is_asked_through_it(proxy: ProxyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    found = look_for(through_proxy(inventory(proxy, tmp_path)), {})(False)
    assert (found.problem, found.config.get("model_type")) == ("", "llama")
    # Without it there is no way there.
    serve = inventory(proxy, tmp_path).serve
    assert serve is not None and from_hub(serve, None, "http://hub.invalid").problem


def test_what_is_not_behind_it_is_reached_without(proxy: ProxyServer, tmp_path: Path) -> None:
    proxies = through_proxy(inventory(proxy, tmp_path)).python.proxies
    # This machine itself, where the proxy answers that it wants to be asked as one.
    with pytest.raises(NotFetched, match="407"):
        fetch(f"{proxy.url}/simple/", proxies=proxies)
    with pytest.raises(NotFetched):
        fetch("http://index.invalid/simple/", proxies={**proxies, "no_proxy": "localhost,.invalid"})
    assert proxy.asked == []


def test_hosts_find_it_in_both_ways_of_writing_and_their_own_goes_before_it(proxy: ProxyServer, tmp_path: Path) -> None:
    proxies = through_proxy(inventory(proxy, tmp_path)).python.proxies
    found = dict(reaching({}, proxies))
    assert found["http_proxy"] == found["HTTP_PROXY"] == found["HTTPS_PROXY"] == found["https_proxy"]
    assert found["NO_PROXY"] == found["no_proxy"] == "localhost,127.0.0.1,::1,10.0.0.0/8"
    own = dict(reaching({"HTTPS_PROXY": "http://other:1"}, proxies))
    assert own["https_proxy"] == own["HTTPS_PROXY"] == "http://other:1"
    assert own["http_proxy"] == found["http_proxy"]
