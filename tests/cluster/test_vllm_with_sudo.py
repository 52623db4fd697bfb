"""Real vLLM with `sudo: true`: a hardened unit of a user of its own, who has nothing but its caches. Real Ray, as well:
test_ray_with_sudo.py."""

from collections.abc import Callable

import pytest
from clusters import Cluster

from provision.lab.demo import MODEL
from provision.lab.tiny_model import write_tiny_model
from provision.resources.hardening import DIRECTIVES

UNIT = "provision-test-sudo-vllm-lab-1-vllm.service"


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., Cluster], tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    folder = tmp_path_factory.mktemp("stack")
    write_tiny_model(folder / "layer" / MODEL.lstrip("/"))
    return make_cluster(
        "test-sudo-vllm",
        hosts=1,
        gpus=1,
        stack={"model": MODEL, "backend": "mp", "tensor_parallel": 1, "pipeline_parallel": 1},
        settings={
            "sudo": True,
            "secrets": {"VLLM_API_KEY": {"env": "VLLM_API_KEY"}},
            "ray": {"join_timeout": 600},
        },
        layers=(folder / "layer",),
    )


def said(cluster: Cluster, *argv: str) -> str:
    """What a command prints that root runs on the host."""
    return cluster.host("lab-1").exec(argv).stdout.strip()


def test_it_serves_as_a_user_of_its_own_and_nothing_is_left_to_change(cluster: Cluster) -> None:
    cluster.environment["VLLM_API_KEY"] = "canary-2f0c"
    result = cluster.provision("up")
    assert result.code == 0, result.stderr
    assert any("a chat completion answered from here" in e["text"] for e in result.events if e["event"] == "note")
    assert said(cluster, "systemctl", "show", "-P", "User", UNIT) == "provision"
    owners = said(cluster, "sh", "-c", "ps -eo user:20,args | grep -E '[/]envs/|[V]LLM::'").splitlines()
    assert owners and all(line.startswith("provision ") for line in owners)
    again = cluster.provision("up")
    assert (again.code, again.changes) == (0, [])


def test_its_unit_has_every_directive_of_the_table(cluster: Cluster) -> None:
    shown = dict(line.partition("=")[::2] for line in said(cluster, "systemctl", "show", UNIT).splitlines())
    for one in DIRECTIVES:
        if one.value is None:
            continue
        # What systemd makes of a list, it sorts.
        assert sorted(shown.get(one.name, "").split()) == sorted(one.value.split()), one.name
    # systemctl does not tell a list that is empty from one that it does not know.
    status = said(cluster, "sh", "-c", f"cat /proc/$(systemctl show -P MainPID {UNIT})/status")
    assert {"NoNewPrivs:\t1", "CapBnd:\t0000000000000000", "CapEff:\t0000000000000000"} <= {*status.splitlines()}


def test_what_its_user_owns_is_its_home_and_the_weights(cluster: Cluster) -> None:
    find = "find / -xdev -user provision -not -path '/proc/*' -not -path '/dev/shm/*'"
    home, weights = "/var/lib/provision/home/provision", "/opt/provision/models"
    found = said(cluster, "sh", "-c", find).splitlines()
    assert [path for path in found if not path.startswith((home, weights))] == []
    assert any(path.startswith(f"{home}/tmp/") for path in found), "vLLM's sockets are in /tmp, under names for anyone"


def test_down_and_purge_leave_neither_processes_nor_the_user(cluster: Cluster) -> None:
    assert cluster.provision("down", "--purge").code == 0
    assert said(cluster, "sh", "-c", "ps -eo args | grep -E '[/]envs/|[V]LLM::'") == ""
    assert said(cluster, "sh", "-c", "getent passwd provision; find / -xdev -nouser -not -path '/proc/*'") == ""
    assert cluster.provision("down", "--purge").changes == []
