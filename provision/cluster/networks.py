"""The networks that hosts share, and which of them is the best one to talk over. Pure."""

from __future__ import annotations

import functools
import ipaddress
import itertools
from collections.abc import Mapping, Sequence

from provision.core.regex import regex
from provision.core.values import dataclass
from provision.facts import Facts
from provision.facts.model import Interface
from provision.inventory.models import Host

Network = ipaddress.IPv4Network

#: What the kernel calls an interface that leads to containers, virtual machines or through a tunnel
#: (DEVTYPE in /sys/class/net/*/uevent; `tun` and `bridge` as provision.facts.model.Interface has them).
KINDS_APART = frozenset(
    {"bridge", "tun", "wireguard", "vxlan", "geneve", "gre", "ip6gre", "gretap", "ppp", "l2tpeth", "wwan", "gtp"}
)
#: How such interfaces begin, of Docker (its networks are `br-` and 12 digits), Podman, libvirt, LXD, the plugins of
#: Kubernetes, and VPNs: for hosts that do not show their kind.
NAMES_APART = regex(
    r"docker|br-[0-9a-f]{12}$|veth|podman|cni|virbr|vnet|lxc|lxdbr|incusbr"
    r"|flannel|cali|cilium|weave|kube-|nodelocaldns|ovn-|genev_sys|vxlan"
    r"|tun|tap|wg|tailscale|zt|utun|ppp|dummy"
)
_LINK_LOCAL = ipaddress.IPv4Network("169.254.0.0/16")


@dataclass(frozen=True)
class Candidate:
    """A network that all hosts share. `speed_mbit` and `mtu` are the smallest of all hosts, 0 where one does not tell;
    `rdma`: each has an RDMA device on it; `ssh`: how many hosts SSH reaches there."""

    network: str
    addresses: Mapping[str, str]
    interfaces: Mapping[str, str]
    speed_mbit: int = 0
    rdma: bool = False
    mtu: int = 0
    ssh: int = 0

    @property
    def number(self) -> int:
        return int(ipaddress.IPv4Network(self.network).network_address)

    def __str__(self) -> str:
        names = sorted(set(self.interfaces.values()))
        speed = f"{self.speed_mbit / 1000:g} Gbit/s" if self.speed_mbit else "speed unknown"
        rdma = ", RDMA" if self.rdma else ""
        return f"{self.network} on {', '.join(names)}: {speed}{rdma}, MTU {self.mtu or 'not told'}"


def candidates(hosts: Sequence[Host], facts: Mapping[str, Facts], fixed: Mapping[str, str]) -> tuple[Candidate, ...]:
    """The networks that all these hosts share, best first."""
    offers = _all_offers(hosts, facts, fixed)
    given = [address for name, address in fixed.items() if name not in facts]
    found: dict[tuple[str, ...], Candidate] = {}
    for network in _networks(offers):
        made = _candidate(network, hosts, facts, offers, given)
        if made is not None:
            found.setdefault(tuple(made.addresses.values()), made)
    # Speeds are compared only if every candidate tells its own: an adapter of a virtual machine says nothing.
    told = all(c.speed_mbit for c in found.values())
    return tuple(sorted(found.values(), key=lambda c: (*_merit(c, told), -c.ssh, c.number)))


def _merit(candidate: Candidate, speeds: bool) -> tuple[int, bool, int]:
    return (-candidate.speed_mbit if speeds else 0, not candidate.rdma, -candidate.mtu)


Offer = tuple[Interface, Network, str]
Offers = Mapping[str, Sequence[Offer]]


def _all_offers(hosts: Sequence[Host], facts: Mapping[str, Facts], fixed: Mapping[str, str]) -> Offers:
    return {h.name: _offers(facts[h.name], fixed.get(h.name)) for h in hosts if h.name in facts}


def _networks(offers: Offers) -> list[Network]:
    """The widest first: of two prefixes for the same addresses, that is the one that holds them all."""
    return sorted({network for own in offers.values() for _, network, _ in own}, key=lambda n: (n.prefixlen, n))


def _inside(offers: Sequence[Offer], network: Network) -> list[Offer]:
    return [offer for offer in offers if ip(offer[2]) in network]


def _offers(facts: Facts, fixed: str | None) -> list[Offer]:
    """The addresses that a host could give the others: the one that is decided already, or all that are for that."""
    found: list[Offer] = []
    for interface in facts.interfaces:
        for address, prefix in zip(interface.addresses, interface.prefixes, strict=False):
            if "." not in address or prefix > 31:
                continue
            network = ipaddress.IPv4Network(f"{address}/{prefix}", strict=False)
            if _for_nodes(interface, network) if fixed is None else address == fixed:
                found.append((interface, network, address))
    return found


def _for_nodes(interface: Interface, network: Network) -> bool:
    apart = interface.kind in KINDS_APART or NAMES_APART.match(interface.name)
    return not (interface.loopback or apart or network.is_loopback or network.overlaps(_LINK_LOCAL))


def for_nodes(interface: Interface, address: str, prefix: int) -> bool:
    """Whether an IPv4 address of a host is one that it may talk to the others from."""
    return _for_nodes(interface, ipaddress.IPv4Network(f"{address}/{prefix}", strict=False))


def _candidate(
    network: Network,
    hosts: Sequence[Host],
    facts: Mapping[str, Facts],
    offers: Offers,
    given: Sequence[str],
) -> Candidate | None:
    """None unless each host has an address of its own there, and half of them are up."""
    taken: dict[str, Offer] = {}
    for host in hosts:
        if host.name not in offers:
            continue
        fits = _inside(offers[host.name], network)
        if not fits:
            return None
        taken[host.name] = min(fits, key=functools.partial(_rank, host, facts[host.name]))
    if any(ip(address) not in network for address in given):
        return None
    if len({address for _, _, address in taken.values()}) < len(taken):
        return None
    if 2 * sum(interface.up for interface, _, _ in taken.values()) < len(taken):
        return None
    up = [(interface, facts[name]) for name, (interface, _, _) in taken.items() if interface.up]
    return Candidate(
        str(network),
        {name: address for name, (_, _, address) in taken.items()},
        {name: interface.name for name, (interface, _, _) in taken.items()},
        speed_mbit=min(_speed(interface, own) for interface, own in up),
        rdma=all(_has_rdma(interface, own) for interface, own in up),
        mtu=min(interface.mtu for interface, _ in up),
        ssh=sum(_over_ssh(host, facts[host.name], taken[host.name]) for host in hosts if host.name in taken),
    )


def _rank(host: Host, facts: Facts, offer: Offer) -> tuple[bool, int, bool]:
    """Of several addresses of a host in one network."""
    interface, _, address = offer
    return (not interface.up, -_speed(interface, facts), address != host.address)


def _speed(interface: Interface, facts: Facts) -> int:
    """Mbit/s; an interface over InfiniBand that does not tell has the rate of its port."""
    rates = [p.rate_gbit for p in facts.fabrics if p.state == "ACTIVE" and interface.name in p.interfaces]
    return interface.speed_mbit or int(1000 * max(rates, default=0))


def _has_rdma(interface: Interface, facts: Facts) -> bool:
    return any(p.state == "ACTIVE" and interface.name in p.interfaces for p in facts.fabrics)


def _over_ssh(host: Host, facts: Facts, offer: Offer) -> bool:
    interface, _, address = offer
    return host.address == address or (not is_ip(host.address) and facts.route_interface == interface.name)


def doubt(found: Sequence[Candidate]) -> str:
    if len(found) < 2:
        return ""
    first, second = found[:2]
    told = all(c.speed_mbit for c in found)
    if _merit(first, told) != _merit(second, told):
        return ""
    reason = "SSH goes there" if first.ssh != second.ssh else "it has the lowest number"
    return f"none of the networks that all hosts share is faster; {first.network} was chosen, since {reason}"


def nearly(
    hosts: Sequence[Host], facts: Mapping[str, Facts], fixed: Mapping[str, str], candidates: Sequence[Candidate]
) -> str:
    """A better network that one of at least three hosts has no address in: it may have lost it."""
    offers = _all_offers(hosts, facts, fixed)
    for network in _networks(offers):
        absent = list(itertools.islice((n for n, own in offers.items() if not _inside(own, network)), 2))
        if len(offers) < 3 or len(absent) != 1 or absent[0] in fixed:
            continue
        others = {name: own for name, own in offers.items() if name != absent[0]}
        found = _candidate(network, hosts, facts, others, ())
        if found is not None and (not candidates or _beats(found, candidates[0])):
            instead = f"the faster {found.network}; {candidates[0].network} was chosen" if candidates else found.network
            return f"only {absent[0]} has no address in {instead}"
    return ""


def _beats(one: Candidate, other: Candidate) -> bool:
    told = bool(one.speed_mbit and other.speed_mbit)
    return _merit(one, told) < _merit(other, told)


def rdma_devices(facts: Facts) -> tuple[str, ...]:
    """The RDMA devices that fast traffic should use, empty where none has an active port: those of the link layer whose
    active ports are fastest, without slower ones (the card of a management network is often RDMA-capable, too).

    A device whose ports are down is among them, since it is passed over by whoever uses it: else one that flaps would
    change what the services were started with.
    """
    active = [port for port in facts.fabrics if port.state == "ACTIVE"]
    if not active:
        return ()
    best = max(active, key=lambda port: (port.rate_gbit, port.layer == "InfiniBand"))
    slow = {p.device for p in active if p.rate_gbit < best.rate_gbit}
    fit = (p.device for p in facts.fabrics if p.layer == best.layer)
    return tuple(dict.fromkeys(device for device in fit if device not in slow))


def is_ip(text: str) -> bool:
    return ip(text) is not None


def is_loopback(text: str) -> bool:
    address = ip(text)
    return text == "localhost" if address is None else address.is_loopback


# The addresses of a cluster are asked for again and again, by each judge of each host.
@functools.lru_cache(maxsize=4096)
def ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
