"""`lab status`, on a lab that is none."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from provision.lab.lab import Lab, LabHost, LabReport

Call = Callable[..., Result]


@pytest.mark.parametrize("running", [True, False])
def test_status_says_where_the_inventory_is(
    call: Call, running: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = LabHost("lab-1", "10.77.1.11", 22, 99 if running else 0, 0)
    inventory = tmp_path / "inventory.yaml"
    report = LabReport("lab", tmp_path, (host,), "namespaces", "systemd", inventory)
    monkeypatch.setattr(Lab, "status", lambda self: report)
    result = call("lab", "status")
    assert result.exit_code == (0 if running else 1)
    assert result.stdout.endswith(f"inventory: {inventory}\n")
    assert "inventory: " not in call("lab", "status", "--json").stdout


def test_status_without_a_lab_says_so(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lab, "status", lambda self: LabReport("lab", tmp_path))
    result = call("lab", "status")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (1, "there is no lab `lab`")


def test_a_lab_is_removed_also_where_its_hosts_cannot_be_forgotten(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise OSError(30, "Read-only file system", "/srv/state/mine/members.json")

    monkeypatch.setattr("provision.engine.members.forget_hosts_of", refuse)
    monkeypatch.setattr(Lab, "down", lambda self, *, purge: LabReport("lab", tmp_path, changed=True))
    result = call("lab", "down")
    assert (result.exit_code, result.stdout) == (0, "lab `lab` removed\n")
    said = "warning: its hosts are still kept as members of a cluster: `/srv/state/mine/members.json`: read-only"
    assert result.stderr.startswith(said) and "\nhint: " in result.stderr
    assert json.loads(call("lab", "down", "--json").stdout)["event"] == "lab"


def test_what_the_system_refuses_is_told_as_json_too(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Lab, *_: Any, **__: Any) -> LabReport:
        raise OSError(28, "No space left on device", "/srv/labs")

    monkeypatch.setattr(Lab, "down", full)
    result = call("lab", "down", "--json")
    told = json.loads(result.stdout)
    assert (result.exit_code, told["event"], told["error"]["message"]) == (
        1, "error", "`/srv/labs`: no space left on device"
    )  # fmt: skip
