"""Which of its addresses each host gives the others: one test per sentence of the rule."""

from collections.abc import Mapping
from typing import Any

import pytest

from provision.cluster.addresses import Chosen, choose
from provision.cluster.networks import rdma_devices
from provision.facts import Fabric, Facts
from provision.facts.model import Interface
from provision.inventory.models import Host

LO = Interface("lo", ("127.0.0.1",), 8, 65536, True, loopback=True, prefixes=(8,))


def port(name: str, address: str, *, prefix: int = 24, up: bool = True, **more: Any) -> Interface:
    values = {"mtu": 1500, "speed_mbit": 10000, **more}
    return Interface(name, (address,), prefix, up=up, prefixes=(prefix,), **values)


def front(host: int, **more: Any) -> Interface:
    """The network that SSH goes through."""
    return port("eno1", f"192.0.2.{host}", **{"speed_mbit": 1000, **more})


def fabric(host: int, **more: Any) -> Interface:
    return port("ens5", f"10.10.0.{host}", **{"prefix": 16, "speed_mbit": 100000, **more})


def hosts(count: int = 3, own: Mapping[int, Mapping[str, Any]] | None = None, **common: Any) -> list[Host]:
    return [
        Host(
            name=f"gpu-{n:02d}",
            role="head" if n == 1 else "worker",
            **{"address": f"192.0.2.{n}", **common, **(own or {}).get(n, {})},
        )
        for n in range(1, count + 1)
    ]


def facts(*by_host: tuple[Interface, ...], **more: Any) -> dict[str, Facts]:
    return {f"gpu-{n:02d}": Facts(interfaces=(LO, *own), **more) for n, own in enumerate(by_host, 1)}


def of_all(count: int, *makers: Any) -> dict[str, Facts]:
    return facts(*(tuple(make(n) for make in makers) for n in range(1, count + 1)))


def addresses(chosen: Mapping[str, Chosen]) -> list[str]:
    return [found.address for found in chosen.values()]


FABRIC = ["10.10.0.1", "10.10.0.2", "10.10.0.3"]
FRONT = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


def test_the_fastest_network_that_all_share_is_taken_and_nothing_is_said_of_it() -> None:
    chosen = choose(hosts(), of_all(3, front, fabric))
    assert addresses(chosen) == FABRIC
    assert {(c.interface, c.network, c.doubt, c.problem) for c in chosen.values()} == {("ens5", "10.10.0.0/16", "", "")}


def test_what_the_slowest_host_has_counts() -> None:
    found = facts(*((front(n, speed_mbit=25000), fabric(n, speed_mbit=1000 if n == 2 else 100000)) for n in (1, 2, 3)))
    assert addresses(choose(hosts(), found)) == FRONT


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"speed_mbit": 100000}, {"speed_mbit": 25000}),
        ({"speed_mbit": 10000, "mtu": 9000}, {"speed_mbit": 10000, "mtu": 1500}),
        ({"speed_mbit": None, "mtu": 9000}, {"speed_mbit": None, "mtu": 1500}),
        # A virtual machine's adapter does not tell: then its speed cannot be compared with the other's.
        ({"speed_mbit": None, "mtu": 9000}, {"speed_mbit": 1000, "mtu": 1500}),
    ],
    ids=["speed", "frames", "frames without speeds", "one speed is not told"],
)
def test_what_makes_a_network_the_better_one(better: dict[str, Any], worse: dict[str, Any]) -> None:
    chosen = choose(hosts(), of_all(3, lambda n: front(n, **worse), lambda n: fabric(n, **better)))
    assert addresses(chosen) == FABRIC
    assert not chosen["gpu-01"].doubt
    chosen = choose(hosts(), of_all(3, lambda n: front(n, **better), lambda n: fabric(n, **worse)))
    assert addresses(chosen) == FRONT


def test_of_two_networks_of_one_speed_the_one_with_rdma_is_taken() -> None:
    fabrics = (Fabric("mlx5_0", 1, "ACTIVE", "Ethernet", 100.0, ("ens5",)),)
    found = {
        name: Facts(interfaces=one.interfaces, fabrics=fabrics)
        for name, one in of_all(3, lambda n: front(n, speed_mbit=100000, mtu=9000), fabric).items()
    }
    assert addresses(choose(hosts(), found)) == FABRIC


def test_an_interface_over_infiniband_has_the_rate_of_its_port() -> None:
    fabrics = (Fabric("mlx5_0", 1, "ACTIVE", "InfiniBand", 400.0, ("ib0",)),)
    own = [(front(n, speed_mbit=100000), port("ib0", f"10.10.0.{n}", speed_mbit=None)) for n in (1, 2, 3)]
    found = {k: Facts(interfaces=f.interfaces, fabrics=fabrics) for k, f in facts(*own).items()}
    assert addresses(choose(hosts(), found)) == FABRIC


def test_of_two_equal_networks_the_one_that_ssh_goes_to_is_taken_and_the_other_is_named() -> None:
    chosen = choose(hosts(), of_all(3, lambda n: fabric(n, speed_mbit=1000), front))
    assert addresses(chosen) == FRONT
    doubt = chosen["gpu-01"].doubt
    assert "192.0.2.0/24 was chosen, since SSH goes there" in doubt
    assert [str(c) for c in chosen["gpu-01"].candidates] == [
        "192.0.2.0/24 on eno1: 1 Gbit/s, MTU 1500",
        "10.10.0.0/16 on ens5: 1 Gbit/s, MTU 1500",
    ]


@pytest.mark.parametrize(
    "interface",
    [
        Interface("docker0", ("172.17.0.1",), 16, 1500, True, None, prefixes=(16,)),
        port("br-3f9c00aa11bb", "172.18.0.2", speed_mbit=400000),
        port("mybridge", "172.19.0.2", speed_mbit=400000, kind="bridge"),
        port("virbr0", "192.168.122.1", speed_mbit=400000),
        port("cni0", "10.244.0.1", speed_mbit=400000),
        port("flannel.1", "10.244.0.0", speed_mbit=400000, kind="vxlan"),
        port("tailscale0", "100.64.0.1", speed_mbit=400000, prefix=10),
        port("mesh", "10.99.0.1", speed_mbit=400000, kind="wireguard"),
        port("eth7", "169.254.3.1", speed_mbit=400000, prefix=16),
        Interface("lo", ("10.0.0.1",), 8, 65536, True, loopback=True, prefixes=(8,)),
    ],
    ids=lambda interface: f"{interface.name} {interface.kind}".strip(),
)
def test_what_is_not_for_the_nodes_is_never_taken(interface: Interface) -> None:
    """Each host has an address of its own there, so that only the kind of interface speaks against it."""
    base = interface.addresses[0].rpartition(".")[0]
    own = []
    for n in (1, 2, 3):
        mine = Interface(
            interface.name, (f"{base}.{n}",), interface.prefix, 9000, True, interface.speed_mbit, interface.loopback,
            interface.kind, interface.prefixes,
        )  # fmt: skip
        own.append((front(n), mine))
    assert addresses(choose(hosts(), facts(*own))) == FRONT


def test_a_bridge_with_a_cable_in_it_may_be_taken() -> None:
    """A KVM host has its address on `br0`; the facts call that no bridge."""
    assert addresses(choose(hosts(), of_all(3, lambda n: port("br0", f"192.0.2.{n}")))) == FRONT


def test_a_network_where_hosts_have_the_same_address_is_not_shared() -> None:
    chosen = choose(hosts(), of_all(3, front, lambda _: port("oddly", "172.30.0.1", speed_mbit=400000)))
    assert addresses(chosen) == FRONT


def test_a_host_whose_cable_is_out_does_not_move_the_cluster_to_another_network() -> None:
    found = facts(*((front(n), fabric(n, up=n != 3)) for n in (1, 2, 3)))
    assert addresses(choose(hosts(), found)) == FABRIC
    assert addresses(choose(hosts(), facts(*((front(n), fabric(n, up=n == 3)) for n in (1, 2, 3))))) == FRONT


def test_the_one_host_without_an_address_in_the_better_network_is_named() -> None:
    found = facts((front(1), fabric(1)), (front(2), fabric(2)), (front(3),))
    chosen = choose(hosts(), found)
    assert addresses(chosen) == FRONT
    doubt = "only gpu-03 has no address in the faster 10.10.0.0/16; 192.0.2.0/24 was chosen"
    assert {c.doubt for c in chosen.values()} == {doubt}


def test_a_node_ip_of_the_inventory_wins_and_the_others_take_its_network() -> None:
    chosen = choose(hosts(own={1: {"node_ip": "192.0.2.1"}}), of_all(3, front, fabric))
    assert addresses(chosen) == FRONT
    assert chosen["gpu-02"].interface == "eno1"


@pytest.mark.parametrize("setting", [{"network": "192.0.2.0/24"}, {"interface": "eno1"}], ids=lambda s: next(iter(s)))
def test_a_network_or_an_interface_of_the_inventory_wins(setting: dict[str, str]) -> None:
    chosen = choose(hosts(**setting), of_all(3, front, fabric))
    assert addresses(chosen) == FRONT
    assert {c.interface for c in chosen.values()} == {"eno1"}


def test_a_host_outside_the_given_network_is_a_problem_with_its_addresses() -> None:
    chosen = choose(hosts(network="10.10.0.0/16"), facts((fabric(1),), (fabric(2),), (front(3),)))
    assert addresses(chosen) == ["10.10.0.1", "10.10.0.2", ""]
    problem = chosen["gpu-03"]
    assert problem.problem == "it has no address in its network 10.10.0.0/16"
    assert problem.evidence == ("it has 192.0.2.3/24 on eno1",)
    assert "hosts.gpu-03.node_ip" in problem.hint


def test_hosts_behind_routers_are_reached_where_ssh_reaches_them() -> None:
    """Each has a network of its own, and a private one that the others have, too, but with other hosts in it."""
    found = facts(*((port("eth0", f"10.{n}.0.5"),) for n in (1, 2, 3)))
    chosen = choose(hosts(own={n: {"address": f"10.{n}.0.5"} for n in (1, 2, 3)}), found)
    assert addresses(chosen) == ["10.1.0.5", "10.2.0.5", "10.3.0.5"]
    assert not any(c.doubt or c.problem for c in chosen.values())


def test_an_address_that_no_host_has_gives_way_to_the_one_towards_the_head() -> None:
    """A cloud's public addresses are on no interface; its private ones have a prefix of 32."""
    found = {
        f"gpu-{n:02d}": Facts(interfaces=(LO, port("ens4", f"10.128.0.{n}", prefix=32)), route_source=f"10.128.0.{n}")
        for n in (1, 2)
    }
    assert addresses(choose(hosts(2, own={n: {"address": f"203.0.113.{n}"} for n in (1, 2)}), found)) == [
        "10.128.0.1",
        "10.128.0.2",
    ]


def test_a_single_host_keeps_the_address_of_ssh() -> None:
    assert addresses(choose(hosts(1), of_all(1, front, fabric))) == ["192.0.2.1"]


def test_a_host_that_was_left_out_is_known_by_its_ssh_address_where_that_is_in_the_network() -> None:
    found = of_all(2, front)
    assert addresses(choose(hosts(), found, asked=list(found))) == FRONT


def test_a_host_that_was_left_out_and_has_another_address_is_a_problem() -> None:
    found = of_all(2, front, fabric)
    left = choose(hosts(), found, asked=list(found))["gpu-03"]
    assert (left.address, "--limit" in left.hint) == ("", True)
    assert left.problem == "the address that gpu-03 has for the other hosts is not known without contacting it"


def test_a_host_out_of_reach_is_no_second_problem() -> None:
    lost = choose(hosts(), of_all(2, front, fabric))["gpu-03"]
    assert (lost.address, lost.problem) == ("", "")


def test_two_prefixes_of_one_network_are_one_candidate() -> None:
    found = facts((fabric(1),), (fabric(2, prefix=24),), (fabric(3),))
    chosen = choose(hosts(own={n: {"address": f"gpu-{n}"} for n in (1, 2, 3)}), found)
    assert addresses(chosen) == FABRIC
    assert chosen["gpu-01"].network == "10.10.0.0/16"
    assert not chosen["gpu-01"].doubt


def fabrics(**ports: tuple[str, str, float]) -> Facts:
    return Facts(fabrics=tuple(Fabric(name, 1, *said) for name, said in ports.items()))


@pytest.mark.parametrize(
    ("found", "devices"),
    [
        (fabrics(), ()),
        (fabrics(mlx5_0=("DOWN", "InfiniBand", 2.5)), ()),
        (fabrics(mlx5_0=("ACTIVE", "InfiniBand", 400.0), mlx5_1=("ACTIVE", "InfiniBand", 400.0)), ("mlx5_0", "mlx5_1")),
        (fabrics(mlx5_0=("ACTIVE", "InfiniBand", 400.0), mlx5_1=("DOWN", "InfiniBand", 2.5)), ("mlx5_0", "mlx5_1")),
        (fabrics(mlx5_0=("ACTIVE", "Ethernet", 25.0), mlx5_1=("ACTIVE", "InfiniBand", 400.0)), ("mlx5_1",)),
        (fabrics(mlx5_0=("ACTIVE", "Ethernet", 25.0), mlx5_1=("ACTIVE", "Ethernet", 200.0)), ("mlx5_1",)),
    ],
    ids=["none", "none is up", "all alike", "one flaps", "a management port", "a slow port"],
)
def test_fast_traffic_uses_the_fastest_rdma_devices_of_one_kind(found: Facts, devices: tuple[str, ...]) -> None:
    assert rdma_devices(found) == devices
