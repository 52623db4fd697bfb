"""Addresses, interfaces, fabrics, names: what makes a node unreachable, or slow, for the others.

Which address a node has for the others is decided in provision.cluster.addresses; this file reports what is wrong
with it, or that another was as good. A hostname that resolves to loopback is not a fault by itself, since every node is
given its address and its interface (vllm#7074).
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from provision.checks.cells import fabric_port, interface_of
from provision.cluster.cluster import Cluster, Node, is_loopback
from provision.core.finding import Against, Finding, Severity
from provision.facts import Fabric, Facts

ACTIVE = "ACTIVE"


def of_network(cluster: Cluster) -> Iterable[Finding]:
    yield from _twice(cluster)
    yield from _unsure(cluster)
    for node in cluster.nodes:
        yield from _address(node)
        if node.facts is not None:
            yield from _interface(node, node.facts)
            yield from _ports(node, node.facts, cluster)


def on_loopback(node: Node) -> bool:
    """Hosts of a lab without root are addresses of one machine, and share nearly everything."""
    return is_loopback(node.node_ip)


def _unsure(cluster: Cluster) -> Iterator[Finding]:
    """Several networks would do, and what is known of them does not tell which is meant."""
    unsure = next((n.chosen for n in cluster.nodes if n.chosen is not None and n.chosen.doubt), None)
    if unsure is not None:
        yield Finding(
            "",
            "network",
            "node address",
            Severity.NOTE,
            against=Against.SOUND,
            why="Ray, NCCL and Gloo use it; switching to another network takes a restart",
            hint=f"set the intended one in the inventory, such as `network: {unsure.network}`",
            evidence=tuple(str(candidate) for candidate in unsure.candidates),
            said=unsure.doubt,
        )


def _address(node: Node) -> Iterator[Finding]:
    why = "Ray, NCCL and Gloo on this host are told to use it, and the other nodes look for them there"
    if node.chosen is not None and node.chosen.problem:
        # A host that was left out has no lines of its own in the report.
        about = node.name if node.facts is not None else ""
        chosen = node.chosen
        yield _blocks(about, "node address", chosen.problem, why=why, hint=chosen.hint, evidence=chosen.evidence)
    elif node.facts is not None and not node.interface:
        own = [a for i in node.facts.interfaces for a in i.addresses if not i.loopback]
        yield _blocks(
            node.name,
            "node address",
            f"{node.node_ip} is on none of its interfaces",
            why=why,
            hint=f"set hosts.{node.name}.node_ip to an address that the other hosts reach",
            evidence=(f"it has {', '.join(own) or 'no address'}",),
        )


def _interface(node: Node, facts: Facts) -> Iterator[Finding]:
    found = interface_of(node, facts)
    if node.host.interface and facts.interfaces and found is None:
        names = ", ".join(i.name for i in facts.interfaces if not i.loopback)
        yield _blocks(
            node.name,
            "interface",
            f"it has no interface `{node.host.interface}`",
            why="Ray's ranks, NCCL and Gloo are told to use this interface, and find none",
            hint=f"set hosts.{node.name}.interface to one of {names or 'its interfaces'}, or leave it out",
            found="absent",
            expected=node.host.interface,
        )
    # An interface without an MTU was seen through /proc/net alone, which does not say whether it is up. One that we
    # came in through carries packets, whatever it says of its carrier.
    elif found is not None and found.mtu and not (found.up or found.loopback or node.host.address in found.addresses):
        yield _blocks(
            node.name,
            "interface",
            f"its interface `{found.name}` is down",
            why=f"the other nodes do not reach {node.node_ip}, so that Ray's workers do not join, and NCCL hangs",
            hint=f"check the cable and the switch, then run `sudo ip link set {shlex.quote(found.name)} up` "
            f"on {node.name}{_elsewhere(node)}",
            found=f"{found.name} down",
            expected=f"{found.name} up",
        )


def _elsewhere(node: Node) -> str:
    others = [c for c in node.chosen.candidates if c.network != node.chosen.network] if node.chosen else []
    return f"; or write `network: {others[0].network}` into the inventory, to use that network" if others else ""


def _ports(node: Node, facts: Facts, cluster: Cluster) -> Iterator[Finding]:
    down = [port for port in facts.fabrics if port.state != ACTIVE and _ought_to_be_up(port, node, facts, cluster)]
    if down:
        names = ", ".join(f"{port.device}/{port.port}" for port in down)
        yield Finding(
            node.name,
            "network",
            "fabric ports",
            Severity.WARNING,
            found=f"{names} {down[0].state}",
            expected=ACTIVE,
            against=Against.SOUND,
            why="NCCL continues more slowly on the remaining ports, or falls back to TCP",
            hint=f"run `ibstat {shlex.quote(down[0].device)}` on {node.name}, check the cable and the switch",
            evidence=tuple(f"{port.device}/{port.port}: {fabric_port(port)}" for port in facts.fabrics),
        )


def _ought_to_be_up(port: Fabric, node: Node, facts: Facts, cluster: Cluster) -> bool:
    """It is on another host with the same cards; or there is none, and all the other ports of this one are. One port of
    two says nothing: cards with two ports and one cable are common."""
    others = [
        n.facts for n in cluster.nodes if n.facts is not None and n is not node and _cards(n.facts) == _cards(facts)
    ]
    twins = [p for f in others for p in f.fabrics if (p.device, p.port) == (port.device, port.port)]
    if twins:
        return any(p.state == ACTIVE for p in twins)
    beside = [p.state for p in facts.fabrics if p.layer == port.layer and p is not port]
    return len(beside) > 1 and all(state == ACTIVE for state in beside)


def _cards(facts: Facts) -> frozenset[tuple[str, int]]:
    return frozenset((port.device, port.port) for port in facts.fabrics)


def _twice(cluster: Cluster) -> Iterator[Finding]:
    """One machine, one address or one GPU that is listed as two. What a host shares with one before it is said once,
    by its first sign."""
    machines: dict[tuple[str, frozenset[str]], str] = {}
    addresses: dict[str, str] = {}
    gpus: dict[str, str] = {}
    for node in cluster.nodes:
        facts = node.facts
        if facts is None or on_loopback(node):
            continue
        own = frozenset(a for i in facts.interfaces if not i.loopback for a in i.addresses)
        # Containers of one machine share its boot id, not its addresses.
        machine = machines.setdefault((facts.boot_id, own), node.name) if facts.boot_id and own else node.name
        address = addresses.setdefault(node.node_ip, node.name)
        shared = [gpu.uuid for gpu in facts.gpus if gpu.uuid and gpus.setdefault(gpu.uuid, node.name) != node.name]
        if machine != node.name:
            yield _blocks(
                node.name,
                "boot",
                f"it is the same machine as {machine}",
                why="its GPUs would be counted twice, and two Rays would fight over its ports",
                hint=f"remove {node.name} or {machine} from the inventory",
                evidence=(f"both have the boot id {facts.boot_id} and the addresses {', '.join(sorted(own))}",),
                area="system",
            )
        elif address != node.name:
            yield _blocks(
                node.name,
                "node address",
                f"its address for the other nodes, {node.node_ip}, is also that of {address}",
                why="Ray treats two nodes with one address as one",
                hint=f"set hosts.{node.name}.node_ip to the address by which the other hosts reach it",
            )
        elif shared:
            yield _blocks(
                node.name,
                "GPU UUIDs",
                f"{gpus[shared[0]]} has {_some(len(shared))} of its GPUs, too",
                why="they would be counted twice, and two ranks would share the memory of one",
                hint="give each host (or container) GPUs of its own",
                evidence=tuple(shared),
                area="gpus",
            )


def _some(count: int) -> str:
    return "one" if count == 1 else str(count)


def _blocks(
    host: str,
    fact: str,
    said: str,
    *,
    why: str,
    hint: str,
    found: str = "",
    expected: str = "",
    evidence: tuple[str, ...] = (),
    area: str = "network",
) -> Finding:
    against = Against.SOUND
    return Finding(host, area, fact, Severity.BLOCKS, found, expected, against, why, hint, evidence, said)
