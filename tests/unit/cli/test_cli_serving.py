"""`smoke` and `bench`, as far as they get without a host."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from provision import api
from provision.inventory.models import Inventory
from provision.payload.ask import CHAT, Answer
from provision.serving.bench import Bench, Load, Times
from provision.serving.smoke import Smoke

URL = "http://192.0.2.1:8000"
TIMES = Times(1.0, 1.0, 1.0)


@pytest.mark.parametrize("command", ["smoke", "bench"])
def test_an_inventory_that_serves_nothing_is_wrong_usage(
    call: Callable[..., Result], inventory: Path, command: str
) -> None:
    result = call(command)
    assert result.exit_code == 2
    assert "error: the inventory serves no model" in result.stderr
    assert "hint: add a section `serve`" in result.stderr


def test_smoke_prints_what_was_answered(
    call: Callable[..., Result], inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Smoke(URL, "llama", "gpu-01", True, "", Answer(CHAT, "Hello.", 0.05, 0.21, 16))
    monkeypatch.setattr(api, "smoke", lambda *_, **__: seen)
    assert call("smoke").output.splitlines()[0] == f"llama at {URL}/v1"
    line = json.loads(call("smoke", "--json").stdout)
    assert (line["event"], line["kind"], line["text"], line["tokens"]) == ("smoke", CHAT, "Hello.", 16)
    assert call("smoke", "-q").output == ""


def test_bench_asks_for_the_load_of_its_options_and_fails_if_a_request_did(
    call: Callable[..., Result], inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Load] = []

    def bench(_: Inventory, *, load: Load, **__: object) -> Bench:
        asked.append(load)
        numbers = (1.0, load.requests - 1, 1, 4.0, 128, 64, 64.0)
        return Bench(URL, "llama", "gpu-01", load, *numbers, TIMES, TIMES, TIMES, ("refused (1 times)",))

    monkeypatch.setattr(api, "bench", bench)
    options = (
        "--requests",
        "8",
        "--concurrency",
        "2",
        "--input-tokens",
        "3",
        "--output-tokens",
        "5",
        "--deadline",
        "9",
    )
    result = call("bench", *options)
    assert asked == [Load(8, 2, 3, 5, 9.0)]
    assert result.exit_code == 1
    assert "7 of 8 requests answered" in result.stdout
    assert "error: 1 of 8 requests failed\n  refused (1 times)" in result.stderr


@pytest.mark.parametrize("options", [("--requests", "0"), ("--concurrency", "-1"), ("--deadline", "0")])
def test_a_load_without_bounds_is_wrong_usage(
    call: Callable[..., Result], inventory: Path, options: tuple[str, str]
) -> None:
    result = call("bench", *options)
    assert result.exit_code == 2
