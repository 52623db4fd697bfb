"""Lab hosts with real Ray and real vLLM. Each module has a lab of its own, provisioned step by step by its tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from clusters import Cluster
from stack_layer import environment_layer, stack_settings

from provision.lab.lab import Lab, default_root

# What failed in there is shown as in a test.
pytest.register_assert_rewrite("day_after")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def state_dir() -> Path:
    """One for all workers of a run, beside its labs: the environment in it is built once."""
    folder = default_root() / ".state"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def make_cluster(state_dir: Path) -> Iterator[Callable[..., Cluster]]:
    """`make_cluster(name, hosts=…, gpus=…, settings=…)`; removed after the module, also when a test failed. `stack`:
    the arguments of `stack_settings`; the hosts then have vLLM's environment, and `settings` go on top."""
    labs = []

    def make(name: str, *, stack: dict[str, Any] | None = None, **arguments: Any) -> Cluster:
        if stack is not None:
            layers = (environment_layer(state_dir / "stack"), *arguments.pop("layers", ()))
            settings = {**stack_settings(state_dir / "stack", **stack), **arguments.pop("settings", {})}
            arguments |= {"layers": layers, "settings": settings}
        lab = Lab(name=name)
        labs.append(lab)
        lab.down()
        lab.up(**arguments)
        return Cluster(lab, state_dir / name)

    yield make
    for lab in labs:
        lab.down()
