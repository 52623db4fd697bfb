"""`logs` from the command line: whose logs are meant, and what is printed where."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from provision.core.errors import ConnectTimeout
from provision.operate import logs as reading
from provision.operate.log_lines import LogFile, LogLine
from provision.operate.logs import Logs

LINE = LogLine("gpu-01", "vllm", "/srv/log", "INFO ready", 1_795_915_000.0, "info")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, inventory: Path) -> dict[str, Any]:
    """What the library was asked."""
    found: dict[str, Any] = {}

    def logs(_: object, asked: object, *, limit: object, **__: object) -> Logs:
        found.update(asked=asked, limit=limit)
        return Logs(
            found.get("lines", (LINE,)),
            found.get("files", ()),
            (ConnectTimeout("gpu-02", "no answer"),) if found.get("gone") else (),
        )

    monkeypatch.setattr(reading, "logs", logs)
    return found


def test_words_are_an_inventory_hosts_or_services(call: Callable[..., Result], asked: dict[str, Any]) -> None:
    assert "gpu-01  vllm  INFO ready" in call("logs").stdout
    assert (asked["limit"], asked["asked"].services, asked["asked"].lines) == (
        (),
        ("ray", "vllm", "sllm", "sllm-store"),
        100,
    )
    assert call("logs", "inventory.yaml", "vllm", "gpu-02").exit_code == 0
    assert (asked["limit"], asked["asked"].services) == (("gpu-02",), ("vllm",))
    call("logs", "worker", "--since", "10m")
    assert (asked["limit"], asked["asked"].lines) == (("gpu-02",), None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("gpu-09",), "HOST `gpu-09` matches no host"),
        (("--since", "soon"), "--since: `soon` is no time"),
        (("--grep", "("), "--grep: `(` is no regular expression"),
        (("none.yaml",), "none.yaml"),
    ],
)
def test_a_mistake_is_named(
    call: Callable[..., Result], asked: dict[str, Any], words: tuple[str, ...], said: str
) -> None:
    result = call("logs", *words)
    assert result.exit_code == 2 and said in result.stderr and not asked


def test_json_is_a_line_for_each_and_a_host_out_of_reach_is_in_the_last(
    call: Callable[..., Result], asked: dict[str, Any]
) -> None:
    asked["gone"] = True
    result = call("logs", "--json")
    line, last = map(json.loads, result.stdout.splitlines())
    assert (line["event"], line["host"], line["text"]) == ("log", "gpu-01", "INFO ready")
    assert last["errors"][0]["message"] == "no answer" and result.exit_code == 4


def test_nothing_to_show_is_said(call: Callable[..., Result], asked: dict[str, Any]) -> None:
    asked["lines"] = ()
    result = call("logs")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("note: no log is there on gpu-01, gpu-02")
    asked["gone"] = True
    assert "gpu-02" not in call("logs").stderr.splitlines()[0]
    asked["files"] = (LogFile("gpu-01", "vllm", "/srv/log", 0.0, 0),)
    assert call("logs", "--grep", "x").stderr.startswith("note: there is nothing to show of vllm on gpu-01")
