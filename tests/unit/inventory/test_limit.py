from pathlib import Path

import pytest

from provision.core.errors import UsageError
from provision.inventory.limit import select
from provision.inventory.models import Host, Inventory

INVENTORY = Inventory(
    path=Path("inventory.yaml"),
    cluster="llama",
    hosts=(
        Host(name="gpu-01", address="10.0.0.1", role="head", groups=("rack-a",)),
        Host(name="gpu-02", address="10.0.0.2", groups=("rack-a",)),
        Host(name="gpu-10", address="10.0.0.10", groups=("rack-b",)),
    ),
)


@pytest.mark.parametrize(
    ("patterns", "hosts"),
    [
        ([], ()),
        (["gpu-02"], ("gpu-02",)),
        (["gpu-0*"], ("gpu-01", "gpu-02")),
        (["gpu-10,gpu-01"], ("gpu-01", "gpu-10")),
        (["gpu-10", "gpu-01"], ("gpu-01", "gpu-10")),
        (["rack-b"], ("gpu-10",)),
        (["rack-?"], ("gpu-01", "gpu-02", "gpu-10")),
        (["head"], ("gpu-01",)),
        (["worker, gpu-01"], ("gpu-01", "gpu-02", "gpu-10")),
    ],
)
def test_a_pattern_means_hosts_groups_or_roles_in_the_inventorys_order(
    patterns: list[str], hosts: tuple[str, ...]
) -> None:
    assert select(INVENTORY, patterns) == hosts


@pytest.mark.parametrize("patterns", [["gpu-3*"], ["gpu-01,gpu-99"], ["GPU-01"]])
def test_a_pattern_that_matches_nothing_is_an_error_that_lists_the_hosts(patterns: list[str]) -> None:
    with pytest.raises(UsageError, match="matches no host") as caught:
        select(INVENTORY, patterns)
    assert "gpu-01, gpu-02, gpu-10" in caught.value.hint
    assert "rack-a, rack-b" in caught.value.hint


@pytest.mark.parametrize("patterns", [[""], [","], [" , "]])
def test_an_empty_limit_is_not_taken_for_all_hosts(patterns: list[str]) -> None:
    with pytest.raises(UsageError, match="names no host"):
        select(INVENTORY, patterns)
