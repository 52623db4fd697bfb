"""Interfaces, fabrics, and what is listed twice."""

from dataclasses import replace
from typing import Any

import pytest
from judge_samples import cluster, facts, gpus, port, told

from provision.checks.inhibition import without_consequences
from provision.checks.network import of_network
from provision.cluster.addresses import Chosen
from provision.cluster.networks import Candidate
from provision.core.finding import Finding
from provision.facts import Fabric, Interface


def found(count: int, spoiled: dict[int, dict[str, Any]] | None = None, **made: Any) -> list[Finding]:
    return list(of_network(cluster(count, spoiled, **made)))


def ports(**states: str) -> dict[str, Any]:
    return {"fabrics": tuple(Fabric(device, 1, state, "InfiniBand", 400.0) for device, state in states.items())}


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_a_sound_network_has_no_finding(count: int) -> None:
    assert found(count) == []


def test_an_interface_that_is_down_blocks_and_is_named() -> None:
    (finding,) = found(3, {2: {"interfaces": port(2, up=False)}})
    assert told([finding]) == [("gpu-02", "interface", "blocks")]
    assert finding.message == "its interface `bond0` is down"
    assert "10.0.0.2" in finding.why and "ip link set bond0 up" in finding.hint


def test_only_the_interface_of_the_node_address_has_to_be_up() -> None:
    spare = Interface("eno2", ("192.168.9.2",), 24, 1500, up=False)
    assert found(2, {2: {"interfaces": (*port(2), spare)}}) == []


def test_whether_an_interface_is_up_may_be_unknown() -> None:
    """/proc/net names interfaces and not their state; then the MTU is missing, too."""
    assert found(2, {2: {"interfaces": (Interface("bond0", ("10.0.0.2",)),)}}) == []


def test_an_interface_that_we_came_in_through_carries_packets() -> None:
    bridge = {"interfaces": (Interface("br0", ("10.0.0.2",), 24, 1500, up=False),)}
    assert found(2, {2: bridge}, hosts={2: {"address": "10.0.0.2"}}) == []


def test_an_interface_of_the_inventory_that_is_not_there_blocks() -> None:
    (finding,) = found(2, hosts={2: {"interface": "ib0"}})
    assert told([finding]) == [("gpu-02", "interface", "blocks")]
    assert "eno1, bond0" in finding.hint
    assert found(2, hosts={2: {"interface": "bond0"}}) == []


def test_an_address_on_no_interface_blocks_and_the_hosts_own_are_shown() -> None:
    (finding,) = found(2, hosts={2: {"node_ip": "10.9.9.9"}})
    assert told([finding]) == [("gpu-02", "node address", "blocks")]
    assert finding.message == "10.9.9.9 is on none of its interfaces"
    assert finding.evidence == ("it has 192.0.2.2, 10.0.0.2",)


def test_a_hostname_that_resolves_to_loopback_is_no_fault() -> None:
    assert found(2, {2: {"hostname_addresses": ("127.0.1.1", "::1")}}) == []


def test_a_fabric_port_that_is_up_on_other_hosts_is_named_where_it_is_down() -> None:
    up, down = ports(mlx5_0="ACTIVE", mlx5_1="ACTIVE"), ports(mlx5_0="ACTIVE", mlx5_1="DOWN")
    (finding,) = found(3, {1: up, 2: down, 3: up})
    assert told([finding]) == [("gpu-02", "fabric ports", "warning")]
    assert finding.found == "mlx5_1/1 DOWN"


@pytest.mark.parametrize("count", [1, 3])
def test_a_second_port_without_a_cable_on_every_host_is_sound(count: int) -> None:
    down = ports(mlx5_0="ACTIVE", mlx5_1="DOWN")
    assert found(count, dict.fromkeys(range(1, count + 1), down)) == []


def test_a_single_host_with_one_of_many_ports_down_is_named() -> None:
    (finding,) = found(1, {1: ports(mlx5_0="ACTIVE", mlx5_1="INIT", mlx5_2="ACTIVE")})
    assert finding.found == "mlx5_1/1 INIT"


def test_ports_of_another_kind_say_nothing() -> None:
    roce = Fabric("mlx5_9", 1, "DOWN", "Ethernet")
    active = ports(mlx5_0="ACTIVE", mlx5_1="ACTIVE")["fabrics"]
    assert found(1, {1: {"fabrics": (*active, roce)}}) == []


def test_a_machine_that_is_listed_twice_blocks_and_is_said_once() -> None:
    same = {"boot_id": facts(1).boot_id, "interfaces": port(1), "gpus": gpus(1)}
    (finding,) = without_consequences(found(3, {3: same}))
    assert told([finding]) == [("gpu-03", "boot", "blocks")]
    assert finding.message == "it is the same machine as gpu-01"


def test_containers_of_one_machine_share_its_boot_and_are_two_hosts() -> None:
    assert found(2, {2: {"boot_id": facts(1).boot_id}}) == []


def test_hosts_on_loopback_share_their_machine() -> None:
    lo = (Interface("lo", ("127.0.0.1",), 8, 65536, True, loopback=True),)
    same = {"boot_id": "x", "interfaces": lo, "gpus": gpus(1)}
    addresses = {i: {"address": f"127.0.0.{i}", "node_ip": None} for i in (1, 2, 3)}
    assert found(3, dict.fromkeys((1, 2, 3), same), hosts=addresses) == []


def test_two_nodes_of_one_address_block() -> None:
    """Neither says which address it has; both reach the head from the same one (a machine behind NAT)."""
    nat = {"interfaces": (Interface("eth0", ("172.17.0.2",), 16, 1500, True),), "route_source": "172.17.0.2"}
    (finding,) = found(3, {2: nat, 3: nat}, hosts={i: {"node_ip": None} for i in (2, 3)})
    assert told([finding]) == [("gpu-03", "node address", "blocks")]
    assert "172.17.0.2" in finding.message and "gpu-02" in finding.message


def test_a_gpu_that_two_hosts_list_blocks() -> None:
    (finding,) = found(2, {2: {"gpus": (*gpus(2, 2), gpus(1)[0])}})
    assert told([finding]) == [("gpu-02", "GPU UUIDs", "blocks")]
    assert finding.message == "gpu-01 has one of its GPUs, too"


def test_gpus_without_uuids_are_not_the_same() -> None:
    assert found(2, {1: {"gpus": gpus(1, uuid="")}, 2: {"gpus": gpus(2, uuid="")}}) == []


def with_choice(count: int, *, silent: tuple[int, ...] = (), **chosen: Any) -> list[Finding]:
    made = cluster(count, silent=silent)
    nodes = tuple(
        replace(node, chosen=Chosen(**{"address": node.node_ip, "interface": "bond0", **chosen})) for node in made.nodes
    )
    return list(of_network(replace(made, nodes=nodes)))


def test_networks_that_are_equally_good_are_a_note_with_the_line_to_write() -> None:
    both = (Candidate("10.0.0.0/16", {}, {"gpu-01": "bond0"}), Candidate("192.0.2.0/24", {}, {"gpu-01": "eno1"}))
    (finding,) = with_choice(2, network="10.0.0.0/16", candidates=both, doubt="none is faster")
    assert told([finding]) == [("", "node address", "note")]
    assert "`network: 10.0.0.0/16`" in finding.hint
    assert [line.partition(" ")[0] for line in finding.evidence] == ["10.0.0.0/16", "192.0.2.0/24"]


def test_a_host_without_an_address_for_the_others_blocks() -> None:
    found = with_choice(1, address="", interface="", problem="it has no address in its network 10.9.0.0/16")
    assert told(found) == [("gpu-01", "node address", "blocks")]
    assert found[0].message == "it has no address in its network 10.9.0.0/16"


def test_a_host_that_was_left_out_and_is_needed_blocks_for_all() -> None:
    found = with_choice(2, silent=(2,), address="", interface="", problem="not known")
    assert ("", "node address", "blocks") in told(found)
