"""What a firewall has to let in."""

from typing import Any

from cluster_samples import cluster, facts

from provision.cluster.closing import Closing, closing
from provision.cluster.firewall import Firewall, Rule, needed
from provision.facts import Fabric, Listener
from provision.inventory.models import Serve
from provision.render.firewall import iptables_lines, nftables_lines, ufw_lines

SERVE = Serve(model="m")


def found(ssh: int = 22, **made: Any) -> Firewall:
    made = {"serve": SERVE, **made}
    of = cluster(**made)
    return needed(of, {"gpu-01": ssh, "gpu-02": ssh}, [closing(of, node) for node in of.nodes])


def rule(firewall: Firewall, start: str) -> Rule:
    (one,) = (rule for rule in firewall.rules if rule.why.startswith(start))
    return one


def test_all_of_tcp_is_open_between_the_nodes_and_for_nobody_else() -> None:
    between = rule(found(), "between the nodes")
    assert (between.protocol, between.ports, between.sources) == ("tcp", (), ("10.0.0.1", "10.0.0.2"))


def test_the_api_is_open_where_it_listens() -> None:
    assert rule(found(), "the model's API").to == ("10.0.0.1",)
    assert rule(found(serve=Serve(model="m", listen="0.0.0.0", port=9000)), "the model's API").to == ()
    assert "the model's API" not in str(found(serve=Serve(model="m", listen="127.0.0.1")).rules)
    assert "the model's API" not in str(found(serve=None).rules)


def test_ssh_is_open_on_the_port_of_the_inventory() -> None:
    assert rule(found(2222), "SSH").ports == (2222,)


def test_where_the_port_of_ssh_is_a_forwarded_one_the_hosts_own_is_open() -> None:
    listening = (Listener("0.0.0.0", 22),)
    made = {"head": facts("10.0.0.1", listening=listening), "worker": facts("10.0.0.2", listening=listening)}
    assert rule(found(2222, **made), "SSH").ports == (22,)


def test_rdma_over_ethernet_is_open_from_every_address_that_it_goes_out_from() -> None:
    ports = (Fabric("mlx5_0", 1, "ACTIVE", "Ethernet", 100.0, ("eth0",)),)
    made = {"head": facts("10.0.0.1", fabrics=ports), "worker": facts("10.0.0.2", fabrics=ports)}
    roce = rule(found(**made), "RDMA")
    assert (roce.protocol, roce.ports, roce.sources) == ("udp", (4791,), ("10.0.0.1", "10.0.0.2"))
    assert "RDMA" not in str(found().rules)


def test_what_was_not_asked_is_said() -> None:
    assert found().notes == ()
    (note,) = found(unknown=True).notes
    assert "UDP 4791" in note


def test_for_nftables_what_must_pass_stands_above_a_table_that_replaces_itself() -> None:
    lines = nftables_lines(found())
    table = lines.index("table inet provision_llama")
    assert lines[table : table + 3] == [
        "table inet provision_llama",
        "delete table inet provision_llama",
        "table inet provision_llama {",
    ]
    assert "#   ip saddr { 10.0.0.1, 10.0.0.2 } meta l4proto tcp accept" in lines[:table]
    assert "#   ip daddr 10.0.0.1 tcp dport 8000 accept" in lines[:table]
    assert "#   tcp dport 22 accept" in lines[:table]


def test_addresses_of_both_families_have_a_line_each() -> None:
    rules = (Rule("tcp", "x", sources=("10.0.0.1", "fd00::1", "fd00::2")),)
    mixed = Firewall("llama", {"a": "10.0.0.1"}, rules, Closing("llama", {}, frozenset(), ()))
    lines = [line.removeprefix("#").strip() for line in nftables_lines(mixed)]
    assert "ip saddr 10.0.0.1 meta l4proto tcp accept" in lines
    assert "ip6 saddr { fd00::1, fd00::2 } meta l4proto tcp accept" in lines


def test_the_rules_of_iptables_are_a_chain_that_new_connections_go_through() -> None:
    commands = [line for line in iptables_lines(found()) if not line.startswith("#")]
    assert commands[0] == "iptables -N provision-llama 2>/dev/null || iptables -F provision-llama"
    assert "iptables -A provision-llama -s 10.0.0.2 -j RETURN" in commands
    assert "iptables -A provision-llama -p tcp --dport 32768:60999 -j DROP" in commands
    assert "ip6tables -A provision-llama -p tcp --dport 6379 -j DROP" in commands
    jump = "INPUT -p tcp --syn -j provision-llama"
    assert f"ip6tables -C {jump} 2>/dev/null || ip6tables -I {jump}" in commands
    # Of what is let through, before anything is dropped.
    order = [command.split()[-1] for command in commands if command.startswith("iptables -A")]
    assert order == sorted(order, key=["RETURN", "DROP"].index)


def test_a_chain_has_at_most_28_characters() -> None:
    long = Firewall("c" * 40, {}, (), Closing("c" * 40, {}, frozenset(), ()))
    name = iptables_lines(long)[-1].split()[-1]
    assert len(name) <= 28
    other = Firewall("c" * 39 + "d", {}, (), Closing("c" * 39 + "d", {}, frozenset(), ()))
    assert iptables_lines(other)[-1].split()[-1] != name


def test_the_rules_of_ufw_are_commands() -> None:
    commands = [line for line in ufw_lines(found()) if not line.startswith("#")]
    assert commands == [
        "ufw allow proto tcp from any to any port 22",
        "ufw allow proto tcp from 10.0.0.1 to any",
        "ufw allow proto tcp from 10.0.0.2 to any",
        "ufw allow proto tcp from any to 10.0.0.1 port 8000",
    ]
