"""What a restart restarts: what the table of docs/members.md says of a new head, and nothing that has not to be."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_samples import LOCK, TOKEN, facts

from provision.cluster.cluster import Cluster, Node
from provision.core.errors import PlanChanged, UsageError
from provision.core.plan import Mode, Plan, make_plan
from provision.core.playbook import Playbook
from provision.core.resource import State
from provision.core.script import Fragment
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.inventory.models import Host, Inventory, Python, Serve
from provision.resources.service import Service
from provision.stack.again import only_restarts, restarting
from provision.stack.backends import BACKENDS, DEFAULT

NAMES = ("gpu-01", "gpu-02")


def cluster(backend: str = "ray") -> Cluster:
    hosts = [Host(name=n, address=f"10.0.0.{n[-1]}", role="head" if n == "gpu-01" else "worker") for n in NAMES]
    serve = Serve(model="/models/tiny", tensor_parallel=1, pipeline_parallel=2, backend=backend)
    inventory = Inventory(
        path=Path("a.yaml"), cluster="llama", hosts=tuple(hosts), python=Python(packages=("vllm",)), serve=serve
    )
    return Cluster(inventory, tuple(Node(host, facts(host.address, gpus=1)) for host in hosts), LOCK, TOKEN)


def book(services: Sequence[str], backend: str = "ray") -> Playbook:
    made = PlaybookFile(built_in(BACKENDS[backend]), like=built_in(DEFAULT)).load()
    return restarting(made, services)(cluster(backend))


def seen(book: Playbook, **process: str) -> dict[str, State]:
    """All is as wanted, and each service is a process."""
    states: dict[str, State] = {}
    for step in book.steps:
        want = step.resource.want()
        state = {**want, **process} if want is not None and isinstance(step.resource, Service) else want
        lines = "".join(f"{key}={value}\n" for key, value in (state or {}).items())
        states[step.key] = step.resource.read(Fragment(0, lines, "")) if isinstance(step.resource, Service) else state
    return states


def plan(book: Playbook, states: Mapping[str, State]) -> Plan:
    return make_plan(Mode.UP, book.steps, states)


def restarted(plan: Plan) -> list[str]:
    return sorted(
        f"{change.step.host}/{change.step.resource.id}"
        for change in plan.changes
        if isinstance(change.step.resource, Service) and change.step.resource.id.startswith("service:")
    )


@pytest.mark.parametrize(
    ("services", "expected"),
    [
        (("vllm",), ["gpu-01/service:vllm"]),
        (("ray",), ["gpu-01/service:ray", "gpu-01/service:vllm", "gpu-02/service:ray"]),
        ((), ["gpu-01/service:ray", "gpu-01/service:vllm", "gpu-02/service:ray"]),
    ],
)
def test_a_service_is_restarted_with_what_hangs_on_it(services: tuple[str, ...], expected: list[str]) -> None:
    made = book(services)
    assert restarted(plan(made, seen(made, pid="7", start="8"))) == expected


def test_the_ranks_of_a_model_without_ray_are_restarted_together() -> None:
    made = book(("vllm",), "mp")
    assert {*restarted(plan(made, seen(made, pid="7", start="8")))} == {"gpu-01/service:vllm", "gpu-02/service:vllm"}


def test_once_it_is_another_process_nothing_is_left_to_do() -> None:
    made = book(("vllm",))
    seen(made, pid="7", start="8")
    assert plan(made, seen(made, pid="9", start="9")).changes == ()


def test_one_that_does_not_run_is_started_and_a_name_that_is_none_is_named() -> None:
    made = book(("vllm",))
    states = {**seen(made, pid="7", start="8"), "gpu-01/service:vllm": {"running": "no: its process is gone"}}
    (change,) = [c for c in plan(made, states).changes if c.step.key == "gpu-01/service:vllm"]
    assert [difference.aspect for difference in change.differences] == ["running"]
    with pytest.raises(UsageError, match="there is no service `vlm`; did you mean `vllm`") as caught:
        book(("vlm",))
    assert caught.value.hint == "the services are ray, vllm"


def test_where_more_would_change_nothing_is() -> None:
    made = book(("vllm",))
    states = seen(made, pid="7", start="8")
    agreed: list[Plan] = []
    only_restarts(agreed.append)(plan(made, states))
    assert len(agreed) == 1
    state = states["gpu-01/service:vllm"]
    assert state is not None
    for key, other in (("gpu-02/secret:ray-token", None), ("gpu-01/service:vllm", {**state, "--port": "9"})):
        keys = [step.key for step in made.steps]
        changed = {**states, next((k for k in keys if k == key), keys[-1] if other else _token(keys)): other}
        with pytest.raises(PlanChanged, match="more than a restart would change") as caught:
            only_restarts(agreed.append)(plan(made, changed))
        assert caught.value.evidence and caught.value.hint.startswith("`provision plan`")
    assert len(agreed) == 1


def _token(keys: Sequence[str]) -> str:
    return next(key for key in keys if "ray-token" in key)


def test_in_a_plan_it_says_that_it_was_asked_for() -> None:
    made = book(("vllm",))
    (change,) = plan(made, seen(made, pid="7", start="8")).changes[:1]
    resource = change.step.resource
    assert resource.in_plan(change.have, change.differences) == ("restart, as asked for",)
    assert replace(change).step.resource.label == "vLLM"
