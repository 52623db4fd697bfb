"""What is planned when hosts come and go: the table of docs/members.md. The same with real Ray and vLLM:
tests/cluster/test_membership.py."""

from dataclasses import replace
from pathlib import Path

from cluster_samples import LOCK, TOKEN, facts
from membership import BEGIN, CHANGES, NONE, RESTARTS, STARTS, STAYS, STOPS, Change

from provision.cluster.cluster import Cluster, Node
from provision.core.plan import Change as Planned
from provision.core.plan import Mode, make_plan
from provision.core.resource import State
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.inventory.models import Host, Inventory, Python, Serve
from provision.stack.backends import DEFAULT
from provision.stack.exposed import guarded

LIKE = built_in(DEFAULT)
NAMES = ("lab-1", "lab-2", "lab-3")


class Rack:
    """Three hosts with a GPU each, and what was made of them so far. `states`: key of a step → what a look sees."""

    def __init__(self) -> None:
        # The model lies on each of them, as somebody has put it there.
        self.states: dict[str, State] = {f"{name}/weights": {"folder": "yes", "is:a": "1 1"} for name in NAMES}
        self.members: tuple[str, ...] = ()

    def up(self, hosts: tuple[str, ...], stages: int) -> dict[str, Planned]:
        """Key of a step → its change, by a plan that is then carried out."""
        nodes = {name: self.node(name, head=name == hosts[0]) for name in NAMES}
        inventory = Inventory(
            path=Path("inventory.yaml"),
            cluster="llama",
            hosts=tuple(nodes[name].host for name in hosts),
            python=Python(packages=("vllm",)),
            serve=Serve(model="/models/tiny", tensor_parallel=1, pipeline_parallel=stages),
        )
        cluster = Cluster(inventory, tuple(nodes[name] for name in hosts), LOCK, TOKEN)
        cluster = replace(cluster, former=tuple(nodes[name] for name in self.members if name not in hosts))
        book = guarded(PlaybookFile(LIKE, like=LIKE).load(), removes=False)(cluster)
        seen = {
            step.key: self.states.get(step.key) if step.resource.fixable else step.resource.want()
            for step in book.steps
        }
        plan = make_plan(Mode.UP, book.steps, seen, book.blockers)
        assert not plan.blockers
        self.states |= {change.step.key: change.want for change in plan.changes}
        self.members = hosts
        return {change.step.key: change for change in plan.changes}

    @staticmethod
    def node(name: str, *, head: bool) -> Node:
        address = f"10.0.0.{name[-1]}"
        return Node(Host(name=name, address=address, role="head" if head else "worker"), facts(address, gpus=1))

    def did(self, changes: dict[str, Planned], service: str, *hosts: str) -> str:
        """What the service did, on all of these hosts together."""
        found = set()
        for host in hosts:
            key = f"{host}/service:{service}"
            if key not in changes:
                found |= {STAYS} if self.states.get(key) else set()
            elif changes[key].want is None:
                found.add(STOPS)
            else:
                found.add(STARTS if changes[key].have is None else RESTARTS)
        moved = {STARTS, STOPS} <= found
        assert moved or len(found) <= 1
        return RESTARTS if moved else next(iter(found), NONE)


def test_what_is_planned_is_what_the_table_says() -> None:
    rack = Rack()
    first = rack.up(BEGIN, 2)
    assert rack.did(first, "ray", *BEGIN) == rack.did(first, "vllm", *BEGIN) == STARTS
    for change in CHANGES:
        was = rack.members
        plan = rack.up(change.hosts, change.stages)
        old, new = set(was), set(change.hosts)
        others = [name for name in was[1:] if name in new and name != change.hosts[0]]
        seen = Change(
            change.what,
            change.hosts,
            change.stages,
            rack.did(plan, "ray", change.hosts[0]),
            rack.did(plan, "ray", *others),
            rack.did(plan, "ray", *(new - old)),
            rack.did(plan, "ray", *(old - new)),
            rack.did(plan, "vllm", *NAMES),
        )
        assert seen == change
        assert not rack.up(change.hosts, change.stages), "a second `up` changes nothing"
