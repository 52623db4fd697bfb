"""What a rollback goes back to is removed from no host, whoever has kept it, and whoever is asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from provision import inventory as inventories
from provision.after import last_good, pruning
from provision.cluster import gather
from provision.core.script import Fragment, Script
from provision.engine import alone
from provision.environment.lockfile import parse_lock
from provision.inventory.models import Inventory

TEXT = "cluster: llama\nhosts:\n  gpu-1: {address: 192.0.2.1, role: head}\n  gpu-2: {address: 192.0.2.2}\n"
LOCK = f"# python: 3.11\n# platform: x86_64-manylinux_2_34\ntiny==1.0 --hash=sha256:{'ab' * 32}\n"
OLD, OF_THE_HEAD = "cccccccccccc", "aaaaaaaaaaaa"


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "a.yaml").write_text(TEXT)
    return inventories.load(tmp_path / "a.yaml")


@pytest.fixture
def asked(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
    """Host, what it was to do and the paths that it was shown, of each script. Hosts have three old environments."""
    lock = parse_lock(LOCK, Path("a.lock"))
    last_good.keep(inventory, lock)
    told: list[tuple[str, str, str]] = []

    def answers(_: Inventory, scripts: Mapping[str, Script], **__: object) -> dict[str, Fragment]:
        said = {}
        for host, script in scripts.items():
            removes, shown = str(script.vars["remove"]), str(script.vars["shown"])
            told.append((host, removes, shown))
            names = [OLD, OF_THE_HEAD, lock.short]
            rows = "".join(f"4\t/r/envs/{name}\told\n" for name in names if not shown or name in shown)
            back = f"goes-back-to={OF_THE_HEAD}\n" if host == "gpu-1" else ""
            said[host] = Fragment(0, back + rows, "")
        return said

    monkeypatch.setattr(gather, "answers", answers)
    monkeypatch.setattr(alone, "answers", answers)
    return told


@pytest.mark.parametrize("limit", [(), ("gpu-2",)], ids=["all hosts", "a worker"])
def test_what_a_rollback_goes_back_to_is_left_on_every_host(
    inventory: Inventory, asked: list[tuple[str, str, str]], limit: tuple[str, ...]
) -> None:
    hosts = limit or ("gpu-1", "gpu-2")
    found = pruning.prune(inventory, limit=limit)
    assert [(one.host, one.path) for one in found] == [(host, f"/r/envs/{OLD}") for host in hosts]
    # The head is asked in either case: another machine may have made the good start.
    assert asked == [("gpu-1", "", ""), ("gpu-2", "", "")]
    asked.clear()
    assert pruning.prune(inventory, remove=True, limit=limit) == found
    assert [entry for entry in asked if entry[1]] == [(host, "yes", f"\n/r/envs/{OLD}\n") for host in hosts]
    asked.clear()
    assert pruning.prune(inventory, remove=found, limit=limit) == found
    assert [entry[0] for entry in asked] == list(hosts)
