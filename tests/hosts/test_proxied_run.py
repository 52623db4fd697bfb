"""An environment that a host fetches through the proxy of the inventory: its index has no address anywhere."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine import changes
from own_playbooks import Here
from proxy_server import CANARIES, PASSWORD, USER, ProxyServer, proxy_before
from small_packages import publish, two_packages

import provision
from provision.inventory.models import Host, Inventory, Proxy, SecretSource

pytestmark = pytest.mark.hosts

ENVIRONMENTS = """
from provision import Playbook, Stack


def playbook(cluster):
    book = Playbook()
    Stack(cluster).environments(book)
    return book
"""


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[ProxyServer]:
    index = publish(tmp_path / "index")
    with proxy_before({"index.invalid": index.folder}) as server:
        yield server


@pytest.fixture
def here(proxy: ProxyServer, make_host: Callable[..., Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PROXY_PASSWORD", PASSWORD)
    made = Here(tmp_path, [make_host()])
    python = two_packages(publish(tmp_path / "index"))
    python = python.model_copy(update={"index": "http://index.invalid/simple", "wheels": "index"})
    said = Proxy(url=proxy.url, user=USER, password=SecretSource(env="PROXY_PASSWORD"))
    made.inventory = made.inventory.model_copy(update={"python": python, "proxy": said})
    return made


def with_password(inventory: Inventory, name: str) -> Inventory:
    assert inventory.proxy is not None
    said = inventory.proxy.model_copy(update={"password": SecretSource(env=name)})
    return inventory.model_copy(update={"proxy": said})


def test_a_host_fetches_through_it_and_its_password_is_in_nothing_that_is_kept(
    here: Here, proxy: ProxyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    provision.lock(here.inventory)
    asked = len(proxy.asked)
    monkeypatch.setenv("WRONG", "another-one")
    wrong = with_password(here.inventory, "WRONG")
    refused = provision.up(wrong, **here.options(here.file(ENVIRONMENTS)))  # type: ignore[arg-type]
    assert refused.exit_code == 1 and changes(refused) == 0 and not list(here.kept.iterdir())
    (finding,) = [found for found in refused.findings if found.fact == "package index"]
    assert "407" in " ".join(finding.evidence), refused.findings
    assert "another-one" not in repr(refused)

    report = provision.up(here.inventory, **here.options(here.file(ENVIRONMENTS)))  # type: ignore[arg-type]
    assert (report.exit_code, changes(report)) == (0, 1), report
    assert len(proxy.asked) > asked, "the host went another way"
    assert not proxy.seen, "the password was in an argument list"
    again = provision.up(here.inventory, **here.options(here.file(ENVIRONMENTS)))  # type: ignore[arg-type]
    assert (again.exit_code, changes(again)) == (0, 0)
    kept = [path for folder in (here.kept, tmp_path / "state") for path in folder.rglob("*") if path.is_file()]
    texts = [repr(report), repr(here.events), here.inventory.lock_path.read_text()]
    texts += [path.read_bytes().decode("utf-8", "replace") for path in kept]
    assert not any(canary in text for canary in CANARIES for text in texts)
