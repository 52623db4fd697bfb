"""Who serves, where some of the hosts are spares."""

from pathlib import Path

import pytest

from provision.cluster.cluster import Cluster, Node
from provision.cluster.gather import fleet_of
from provision.core.events import silent
from provision.core.plan import Mode
from provision.core.playbook import Playbook
from provision.engine.members import Members
from provision.engine.spares import choose, with_spares
from provision.engine.state import Job
from provision.inventory.models import Host, Inventory

NODES = tuple(
    Node(Host(name=f"gpu-{n}", address=f"10.0.0.{n}", role="head" if n == 2 else "worker"), None) for n in range(1, 5)
)


@pytest.mark.parametrize(
    ("gone", "served", "expected"),
    [
        ([], [], "1 2 3"),
        ([], ["gpu-4"], "1 2 4"),
        (["gpu-1"], ["gpu-1", "gpu-2", "gpu-3"], "2 3 4"),
        ([], ["gpu-2", "gpu-3", "gpu-4"], "2 3 4"),
        (["gpu-4"], ["gpu-2", "gpu-3", "gpu-4"], "1 2 3"),
        (["gpu-1", "gpu-3"], [], ""),
        (["gpu-2"], ["gpu-1", "gpu-2", "gpu-4"], "1 2 4"),
    ],
    ids=["the first", "who serves", "a spare for one", "one that came back", "and back", "too few", "the head is gone"],
)
def test_who_serves_goes_on_and_a_spare_takes_the_place_of_one_that_is_gone(
    gone: list[str], served: list[str], expected: str
) -> None:
    assert " ".join(node.name.removeprefix("gpu-") for node in choose(NODES, 3, gone, served)) == expected


def test_the_firewall_is_set_on_those_who_serve_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps no members itself, and may not take others for them."""
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    hosts = tuple(node.host for node in NODES)
    inventory = Inventory(path=tmp_path / "inventory.yaml", cluster="gpus", hosts=hosts, spares=1)
    Members.of(inventory).begin(["gpu-2", "gpu-3", "gpu-4"], ["gpu-1"])
    job = Job.of_steps("firewall", Mode.UP, inventory, lambda _: Playbook(), None, None, {})
    with fleet_of(hosts[:0], silent) as fleet:
        cluster = Cluster(inventory, NODES, job.lock, {})
        _, serving, _ = with_spares(job, fleet, cluster)
    assert [node.name for node in serving.nodes] == ["gpu-2", "gpu-3", "gpu-4"]
