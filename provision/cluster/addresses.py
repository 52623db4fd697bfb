"""Which of its addresses each host gives the others, decided for all hosts together. Pure.

What the inventory says is taken: `node_ip`, else the address on `interface`, else the one inside `network`. For the
hosts that are left to `auto`, every IPv4 network is a candidate on which each host has an address of its own, on an
interface that is neither loopback nor made for containers, virtual machines or tunnels. The best of them has

1. the fastest link, where every host tells its speed (that of the slowest host counts),
2. an RDMA device on every host,
3. the largest frames (the smallest MTU counts),
4. the addresses that SSH goes to,
5. the lowest number.

Where the first three do not decide, the choice is told, with the candidates. A host whose cable is out still has its
address: as long as at least half of the hosts are up on a network, it counts, and the one that is down is named
instead of the whole cluster moving to a slower network.

Hosts that share no network (each behind a router, or on loopback addresses of one machine) are reached where SSH
reaches them, if the host has that address; otherwise at the address from which it talks to the head.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Container, Mapping, Sequence

from provision.cluster.networks import Candidate, candidates, doubt, ip, is_ip, nearly
from provision.core.values import dataclass
from provision.facts import Facts
from provision.inventory.models import Host


@dataclass(frozen=True)
class Chosen:
    """One host's address for the others, and the interface that has it; empty where it is not known.

    `network`: the one that it was chosen for, empty where no network decided. `candidates`: best first, for hosts left
    to `auto`; `doubt`: why another of them may be meant, empty where the best is obvious. `problem`: why there is no
    address, with `evidence` and what to write.
    """

    address: str
    interface: str = ""
    network: str = ""
    candidates: tuple[Candidate, ...] = ()
    doubt: str = ""
    problem: str = ""
    evidence: tuple[str, ...] = ()
    hint: str = ""


def choose(hosts: Sequence[Host], facts: Mapping[str, Facts], asked: Container[str] | None = None) -> dict[str, Chosen]:
    """By host. `facts` are those of the hosts that answered; `asked` are the names of those that were to (None: all),
    since a host that was left out is another matter than one that is out of reach."""
    chosen = {h.name: found for h in hosts if (found := _given(h, facts.get(h.name)))}
    auto = [h for h in hosts if h.name not in chosen]
    fixed = {name: found.address for name, found in chosen.items()}
    shared = candidates(hosts, facts, fixed) if len(hosts) > 1 and auto else ()
    unsure = doubt(shared) or (nearly(hosts, facts, fixed, shared) if auto else "")
    for host in auto:
        answered = facts.get(host.name)
        if answered is None:
            chosen[host.name] = _unasked(host, shared, asked is None or host.name in asked)
        elif shared:
            best = shared[0]
            address, interface = best.addresses[host.name], best.interfaces[host.name]
            chosen[host.name] = Chosen(address, interface, best.network, shared, unsure)
        else:
            chosen[host.name] = alone(host, answered)
    return chosen


def alone(host: Host, facts: Facts | None) -> Chosen:
    """Without regard to the other hosts: as given, else the SSH address where it is an IP that the host has, else the
    address from which the host talks to the head."""
    address = host.node_ip
    if not address and is_ip(host.address) and (facts is None or interface_of(facts, host.address)):
        address = host.address
    address = address or (facts.route_source if facts else None) or host.address
    return Chosen(address, host.interface or (interface_of(facts, address) if facts else ""))


def interface_of(facts: Facts, address: str) -> str:
    """The name of the interface that has `address`; empty if none does."""
    wanted = ip(address)
    for interface in facts.interfaces:
        if address in interface.addresses:
            return interface.name
        # The whole of 127/8 belongs to the loopback interface, which lists 127.0.0.1 alone.
        if interface.loopback and wanted is not None and wanted.is_loopback:
            return interface.name
    return ""


def _given(host: Host, facts: Facts | None) -> Chosen | None:
    """What the inventory decides; None for `auto`, and while it takes facts that are not there."""
    if host.node_ip:
        return alone(host, facts)
    if facts is None or not (host.interface or host.network):
        return None
    wanted = ipaddress.ip_network(host.network, strict=False) if host.network else None
    there = [i for i in facts.interfaces if not host.interface or i.name == host.interface]
    if not there:
        # provision.checks.network names the interface that is not there.
        return alone(host, facts)
    fits = [(i, a) for i in there for a in i.addresses if ("." in a if wanted is None else ip(a) in wanted)]
    if fits:
        interface, address = min(fits, key=lambda fit: (not fit[0].up, fit[1] != host.address))
        return Chosen(address, interface.name, host.network or "")
    where = f"on its interface {host.interface}" if host.interface else f"in its network {host.network}"
    hint = f"set `network` to the network of one of these, or `hosts.{host.name}.node_ip` to one of them"
    return Chosen("", host.interface or "", problem=f"it has no address {where}", evidence=_addresses(facts), hint=hint)


def _unasked(host: Host, shared: Sequence[Candidate], was_asked: bool) -> Chosen:
    """A host without facts: what its SSH address tells, where the others do not talk over another network."""
    address = ip(host.address)
    if address is not None and (not shared or address in ipaddress.IPv4Network(shared[0].network)):
        return Chosen(host.address)
    if was_asked:
        return Chosen("")
    return Chosen(
        "",
        problem=f"the address that {host.name} has for the other hosts is not known without contacting it",
        hint=f"set hosts.{host.name}.node_ip, or include it in --limit",
    )


def _addresses(facts: Facts) -> tuple[str, ...]:
    """For a person to choose from."""
    return tuple(
        f"it has {address}/{prefix} on {interface.name}"
        for interface in facts.interfaces
        if not interface.loopback
        for address, prefix in zip(interface.addresses, interface.prefixes, strict=False)
        if "." in address
    )
