"""What is closed to hosts outside the cluster, on which host, and to whom it stays open."""

from dataclasses import replace
from typing import Any

import pytest
from cluster_samples import cluster, facts

from provision.cluster.closing import Closing, Ports, closing, united
from provision.cluster.cluster import Cluster
from provision.cluster.nftables import aspects, table_of, with_unasked
from provision.facts.model import Interface
from provision.inventory.models import FirewallSettings, Inventory, Ray, Serve


def of(place: int = 0, settings: FirewallSettings | None = None, **made: Any) -> Closing:
    """Of the head, or with 1 of the worker."""
    found = cluster(**{"serve": Serve(model="m"), **made})
    if settings is not None:
        inventory: Inventory = found.inventory.model_copy(update={"firewall": settings})
        found = replace(found, inventory=inventory)
    return closing(found, found.nodes[place])


def numbers(ports: tuple[Ports, ...]) -> str:
    return " ".join(map(str, ports))


def test_on_the_head_rays_ports_are_closed_and_its_workers_and_what_the_kernel_hands_out() -> None:
    found = of()
    assert numbers(found.pinned) == "6379 6380 6381 6382 6383 6384 8265 44217 44227 52365"
    assert (numbers(found.workers), numbers(found.ephemeral)) == ("20000-20999", "32768-60999")


def test_on_a_worker_those_of_the_head_are_not_the_clusters() -> None:
    assert numbers(of(1).pinned) == "6380 6381 6382 6383 6384 52365"
    assert of(1).api == 0


def test_flags_of_the_inventory_win_and_name_further_ports() -> None:
    args = {"ray-client-server-port": 10005, "node-manager-port": 7000, "min-worker-port": 30000,
            "max-worker-port": 30010, "worker-port-list": "31000,31001"}  # fmt: skip
    found = of(ray=Ray(args=args))
    assert {7000, 10005, 31000, 31001} <= {p.first for p in found.pinned}
    assert 6380 not in {p.first for p in found.pinned}
    assert numbers(found.workers) == "30000-30010"


def test_without_ray_the_ranks_meet_at_one_port_of_the_head() -> None:
    serve = Serve(model="m", backend="mp")
    assert numbers(of(serve=serve).pinned) == "29501"
    assert numbers(of(1, serve=serve).pinned) == ""
    assert of(serve=serve).workers == ()


def test_ports_of_vllms_flags_and_variables_are_the_clusters() -> None:
    serve = Serve(
        model="m",
        args={"data-parallel-rpc-port": 13345},
        env={"VLLM_NIXL_SIDE_CHANNEL_PORT": "5600", "VLLM_PORT": "29000", "A_PORT": "no"},
    )
    assert {"13345", "5600", "29000-29099"} <= set(map(str, of(serve=serve).pinned))


@pytest.mark.parametrize("printed", ["10000-20000", "10000-20000\n"])
def test_what_the_kernel_hands_out_is_asked_of_it(printed: str) -> None:
    asked = facts("10.0.0.1", printed={"ephemeral ports": printed})
    assert numbers(of(head=asked).ephemeral) == "10000-20000"
    for odd in ("", "x", "20000-10", "0-70000"):
        strange = facts("10.0.0.1", printed={"ephemeral ports": odd})
        assert numbers(of(head=strange).ephemeral) == "32768-60999"


def test_the_inventory_can_leave_them_open() -> None:
    found = of(settings=FirewallSettings(ephemeral=False, leave=(20500,)))
    assert (found.ephemeral, found.leave) == ((), (20500,))


def test_nodes_are_known_by_every_address_that_they_may_come_from() -> None:
    eth = Interface("eth0", ("10.0.0.1", "10.0.0.11", "10.0.0.100", "fe80::1"), 24, prefixes=(24, 24, 32, 64), up=True)
    docker = Interface("docker0", ("172.17.0.1",), 16, prefixes=(16,), up=True, kind="bridge")
    loop = Interface("lo", ("127.0.0.1",), 8, prefixes=(8,), loopback=True)
    head = facts("10.0.0.1", interfaces=(loop, eth, docker))
    assert of(head=head).nodes["gpu-01"] == ("10.0.0.1", "10.0.0.11")


def test_of_a_host_that_was_not_asked_a_table_keeps_what_it_knows() -> None:
    found = of(unknown=True)
    assert found.unasked == {"gpu-02"}
    kept = with_unasked(found, {"addresses of gpu-02": "10.0.0.2 10.0.0.22", "addresses of gpu-01": "192.0.2.9"})
    assert kept.nodes == {"gpu-01": found.nodes["gpu-01"], "gpu-02": ("10.0.0.2", "10.0.0.22")}
    assert with_unasked(found, {"addresses of gpu-02": "none; drop"}).nodes == found.nodes


def rules(found: Closing) -> list[str]:
    return [line.strip() for line in table_of(found).splitlines() if not line.startswith("#")]


def place(found: Closing, beginning: str) -> int:
    return next(i for i, line in enumerate(rules(found)) if line.startswith(beginning))


def test_the_api_is_open_unless_the_inventory_says_from_where() -> None:
    assert "tcp dport 8000 accept" in rules(of())
    narrow = of(settings=FirewallSettings(api_from=("10.0.0.0/8", "2001:db8::/32")))
    assert "tcp dport 8000 accept" not in rules(narrow)
    assert "set users4 { type ipv4_addr; flags interval; auto-merge; elements = { 10.0.0.0/8 }; }" in rules(narrow)
    assert place(narrow, "ip6 saddr @users6 tcp dport 8000 accept") < place(narrow, "tcp dport 8000 counter drop")
    assert aspects(narrow)["API"] == "port 8000 from 10.0.0.0/8 2001:db8::/32"


@pytest.mark.parametrize("serve", [Serve(model="m", listen="127.0.0.1"), None])
def test_without_an_api_that_others_reach_nothing_is_said_of_one(serve: Serve | None) -> None:
    assert "API" not in aspects(of(serve=serve))


def test_first_comes_what_passes_and_the_nodes_of_other_clusters_reach_the_ranks_alone() -> None:
    found = of()
    order = ["iifname", "meta l4proto != tcp accept", "tcp flags", "ip saddr @nodes4 accept", "tcp dport @left accept",
             "tcp dport 8000 accept", "tcp dport { 6379-6384", "ip saddr @others4 accept",
             "tcp dport { 32768-60999 } counter drop"]  # fmt: skip
    places = [place(found, beginning) for beginning in order]
    assert places == sorted(places)
    assert "20000-20999" in rules(found)[place(found, "tcp dport { 6379-6384")]


def test_ports_that_overlap_are_named_once() -> None:
    found = of(serve=Serve(model="m", env={"A_PORT": "20500", "B_PORT": "20500"}))
    assert sum("20500" in line for line in rules(found)) == 0


def test_no_two_clusters_have_one_table() -> None:
    names = {Closing(name, {}, frozenset(), ()).table for name in ("a-b", "ab", "a-b-", "a--b")}
    assert len(names) == 4


def test_what_is_printed_closes_what_is_the_clusters_on_any_host() -> None:
    made: Cluster = cluster(serve=Serve(model="m"))
    both = united(closing(made, node) for node in made.nodes)
    assert (both.pinned, both.api) == (of().pinned, 8000)
