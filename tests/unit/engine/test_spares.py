"""Who serves, where some of the hosts are spares."""

import pytest

from provision.cluster.cluster import Node
from provision.engine.spares import choose
from provision.inventory.models import Host

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
        (["gpu-2"], ["gpu-1", "gpu-2", "gpu-3"], ""),
    ],
    ids=["the first", "who serves", "a spare for one", "one that came back", "and back", "too few", "no head"],
)
def test_who_serves_goes_on_and_a_spare_takes_the_place_of_one_that_is_gone(
    gone: list[str], served: list[str], expected: str
) -> None:
    assert " ".join(node.name.removeprefix("gpu-") for node in choose(NODES, 3, gone, served)) == expected
