"""`exec`, `ray`, `ssh` and `env` from the command line: what is meant by which word, and how they end."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from provision.cli import commands
from provision.core.errors import ConnectTimeout
from provision.operate.commands import Ran

GONE = Ran("gpu-02", None, error=ConnectTimeout("gpu-02", "no answer"))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, inventory: Path) -> dict[str, Any]:
    found: dict[str, Any] = {"ran": (Ran("gpu-01", 0, "one\n"), Ran("gpu-02", 0))}

    def run(_: object, words: tuple[str, ...], *, heard: Callable[[str, str, str], None], **how: Any) -> Any:
        found.update(words=words, **how)
        heard("gpu-01", "stdout", "one\x1b[2J")
        heard("gpu-02", "stderr", "two")
        return found["ran"]

    monkeypatch.setattr(commands, "run_on_hosts", run)
    return found


def test_each_line_stands_behind_its_host_on_its_own_stream(call: Callable[..., Result], asked: dict[str, Any]) -> None:
    result = call("exec", "--", "df", "-h", "--", "/")
    assert asked["words"] == ("df", "-h", "--", "/") and asked["limit"] == ()
    assert result.stdout == "gpu-01  one\\x1b[2J\n" and result.stderr == "gpu-02  two\n" and result.exit_code == 0
    call("exec", "inventory.yaml", "--limit", "worker", "--", "uptime")
    assert asked["limit"] == ("gpu-02",)


def test_it_ends_with_the_worst_of_all_hosts(call: Callable[..., Result], asked: dict[str, Any]) -> None:
    asked["ran"] = (Ran("gpu-01", 7), Ran("gpu-02", 0))
    result = call("exec", "--", "false")
    assert result.exit_code == 1 and "error: gpu-01: the command ended with exit code 7" in result.stderr
    asked["ran"] = (Ran("gpu-01", 7), GONE)
    result = call("exec", "--json", "--", "false")
    line = json.loads(result.stdout)
    assert result.exit_code == 4 and [host["code"] for host in line["hosts"]] == [7, None]
    assert line["command"] == ["false"] and line["hosts"][1]["error"]["message"] == "no answer"


def test_rays_own_command_is_run_on_the_head_within_the_environment(
    call: Callable[..., Result], asked: dict[str, Any]
) -> None:
    result = call("ray", "--", "status", "--verbose")
    assert (asked["words"], asked["limit"], asked["within"]) == (("ray", "status", "--verbose"), ("gpu-01",), True)
    assert result.stdout.startswith("one")
    assert call("ray").exit_code == 2


@pytest.mark.parametrize("command", ["ssh", "env"])
def test_a_login_is_openssh_as_the_inventory_says(call: Callable[..., Result], inventory: Path, command: str) -> None:
    words = json.loads(call(command, "inventory.yaml", "gpu-02", "--json", "--", "uptime").stdout)["command"]
    assert words[:3] == ["ssh", "-F", "/dev/null"] and "StrictHostKeyChecking=yes" in words
    assert "192.0.2.2" in words and "uptime" in words[-1]
    assert "192.0.2.1" in json.loads(call(command, "head", "--json").stdout)["command"]


@pytest.mark.parametrize("words", [(), ("gpu-09",), ("gpu-01", "gpu-02")])
def test_one_host_is_named(call: Callable[..., Result], inventory: Path, words: tuple[str, ...]) -> None:
    result = call("ssh", *words, "--json")
    assert result.exit_code == 2 and "hint:" in result.stderr


def test_without_openssh_that_is_said(
    call: Callable[..., Result], inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    result = call("ssh", "gpu-01")
    assert result.exit_code == 1 and "`ssh` is not installed here" in result.stderr
