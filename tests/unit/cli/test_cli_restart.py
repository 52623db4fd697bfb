"""`restart` and `tunnel` from the command line: which services are meant, and what is printed."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from provision import api
from provision.core.errors import PlanChanged, PortClosed
from provision.operate import tunnel as tunnels
from provision.operate.tunnel import Tunnel


@pytest.mark.parametrize(
    ("words", "services"), [((), ()), (("vllm",), ("vllm",)), (("inventory.yaml", "ray", "vllm"), ("ray", "vllm"))]
)
def test_words_are_an_inventory_and_services(
    call: Callable[..., Result],
    inventory: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    services: tuple[str, ...],
) -> None:
    asked: list[Any] = []

    def restart(_: object, *, services: object, **__: object) -> Any:
        asked.append(services)
        raise PlanChanged("more than a restart would change", evidence=["gpu-01: environment"], hint="`provision plan`")

    monkeypatch.setattr(api, "restart", restart)
    result = call("restart", *words)
    assert asked == [services] and result.exit_code == 3
    assert "error: more than a restart would change\n  gpu-01: environment" in result.stderr


def test_a_service_that_there_is_not_is_refused_before_any_host_is_connected_to(
    call: Callable[..., Result], inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "_job", lambda *_, **__: pytest.fail("it went on"))
    result = call("restart", "nope")
    assert result.exit_code == 2 and "there is no service `nope`" in result.stderr


def opens(monkeypatch: pytest.MonkeyPatch, there: Tunnel | PortClosed) -> None:
    @contextmanager
    def tunnel(_: object, *, cancel: Any, **__: object) -> Iterator[Tunnel]:
        if isinstance(there, PortClosed):
            raise there
        cancel.set()
        yield there

    monkeypatch.setattr(tunnels, "tunnel", tunnel)


def test_a_tunnel_says_where_the_model_and_the_dashboard_are(
    call: Callable[..., Result], inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens(monkeypatch, Tunnel("http://127.0.0.1:8000/v1", "llama", "http://127.0.0.1:8265"))
    result = call("tunnel")
    assert "llama answers at http://127.0.0.1:8000/v1\nRay's dashboard is at http://127.0.0.1:8265;" in result.stdout
    assert "token:" not in result.stdout and result.exit_code == 0
    assert json.loads(call("tunnel", "--json").stdout)["base_url"] == "http://127.0.0.1:8000/v1"


def test_a_port_that_is_taken_is_named(
    call: Callable[..., Result], inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens(monkeypatch, PortClosed("gpu-01", "port 80 of this machine cannot be used", hint="name another one"))
    result = call("tunnel", "--port", "80")
    assert result.exit_code == 4 and "port 80 of this machine cannot be used" in result.stderr
