"""Real Ray and vLLM: hosts come and go, and what need not restart does not. One story, in order; takes many minutes."""

import re
from collections.abc import Callable, Mapping

import pytest
from clusters import Cluster
from membership import BEGIN, CHANGES, NONE, RESTARTS, STARTS, STAYS, STOPS, Change

from provision.lab.demo import MODEL
from provision.lab.tiny_model import write_tiny_model

pytestmark = pytest.mark.long

NAMES = ("lab-1", "lab-2", "lab-3")

#: Service → what its command line has; the first process that was started is meant.
SERVICES = {"ray": r"raylet/raylet ", "vllm": r"bin/vllm serve "}


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., Cluster], tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    folder = tmp_path_factory.mktemp("stack")
    write_tiny_model(folder / "layer" / MODEL.lstrip("/"))
    stack = {"model": MODEL, "tensor_parallel": 1, "pipeline_parallel": 2}
    return make_cluster("test-members", hosts=3, gpus=1, stack=stack, layers=(folder / "layer",))


def write(cluster: Cluster, hosts: tuple[str, ...], stages: int) -> None:
    text = cluster.inventory.read_text()
    lines = []
    for name in hosts:
        address = cluster.host(name).address
        role = "head" if name == hosts[0] else "worker"
        lines.append(f'  {name}: {{"address": "{address}", "role": "{role}", "node_ip": "{address}"}}\n')
    text = re.sub(r"(?m)^hosts:\n(  .*\n)+", "hosts:\n" + "".join(lines), text)
    text, found = re.subn(r"(pipeline_parallel\"?: )\d", rf"\g<1>{stages}", text)
    assert found == 1
    cluster.inventory.write_text(text)


def running(cluster: Cluster) -> dict[tuple[str, str], str]:
    """(host, service) → when its process was started, and its pid."""
    found = {}
    for host in NAMES:
        for service, pattern in SERVICES.items():
            for line in cluster.processes(host, pattern)[:1]:
                found[host, service] = line.split()[0]
    return found


def became(before: Mapping[tuple[str, str], str], after: Mapping[tuple[str, str], str], *where: tuple[str, str]) -> str:
    """What all the services at `where` did; those of a service that moved count as one."""
    old, new = [before.get(place) for place in where], [after.get(place) for place in where]
    if old == new:
        return STAYS if any(old) else NONE
    if not any(old):
        return STARTS
    if not any(new):
        return STOPS
    return RESTARTS if not any(a == b for a, b in zip(old, new, strict=True) if a) else f"{old} → {new}"


def test_the_model_runs_on_the_first_two_hosts(cluster: Cluster) -> None:
    write(cluster, BEGIN, 2)
    result = cluster.provision("up")
    assert result.code == 0, result.stderr
    assert set(running(cluster)) == {("lab-1", "ray"), ("lab-2", "ray"), ("lab-1", "vllm")}


STEPS = tuple(zip((BEGIN, *(change.hosts for change in CHANGES)), CHANGES, strict=False))


@pytest.mark.parametrize(("was", "change"), STEPS, ids=[change.what for change in CHANGES])
def test_what_need_not_restart_does_not(cluster: Cluster, was: tuple[str, ...], change: Change) -> None:
    before = running(cluster)
    write(cluster, change.hosts, change.stages)
    result = cluster.provision("up")
    assert result.code == 0, result.stderr + result.text[-4000:]
    after = running(cluster)
    old, new = set(was), set(change.hosts)
    others = [(name, "ray") for name in was[1:] if name in new and name != change.hosts[0]]
    seen = Change(
        change.what,
        change.hosts,
        change.stages,
        became(before, after, (change.hosts[0], "ray")),
        became(before, after, *others),
        became(before, after, *((name, "ray") for name in new - old)),
        became(before, after, *((name, "ray") for name in old - new)),
        became(before, after, *((name, "vllm") for name in NAMES)),
    )
    assert seen == change
    assert cluster.provision("check").code == 0
    again = cluster.provision("up")
    assert (again.code, again.changes) == (0, [])
    for name in old - new:
        assert not cluster.processes(name, r"ray|vllm|raylet")


def test_down_leaves_nothing_on_any_host_also_on_those_that_left(cluster: Cluster) -> None:
    result = cluster.provision("down", "--purge")
    assert result.code == 0, result.stderr
    for name in NAMES:
        assert not cluster.processes(name, r"/envs/|ray::|raylet")
        assert (
            not cluster.witness(name).file("/home/ops/.provision/envs").exists
            or not cluster.witness(name).run("ls ~/.provision/envs").stdout.split()
        )
