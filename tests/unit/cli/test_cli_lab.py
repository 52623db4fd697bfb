"""`lab status`, on a lab that is none."""

from collections.abc import Callable
from pathlib import Path

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
