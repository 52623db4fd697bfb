"""What keeps hosts outside the cluster from its ports, on every host: first of all, since what follows opens them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from provision.cluster.closing import Closing, Ports, addresses_of, closing
from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Against, Finding, Known, Severity
from provision.core.mark import Mark
from provision.core.outcome import Ended, Endpoint
from provision.core.playbook import Playbook, Step
from provision.core.values import dataclass
from provision.proofs.all_reduce.proof import PORT
from provision.resources.firewall import FIREWALL, OPEN_PORTS, FirewallTable, OpenPorts

#: The cell of provision/checks/host/packet_filter.py.
_PROGRAMS = "packet filter"


class Closes:
    """What a stack adds to a playbook."""

    _cluster: Cluster

    def close(self, book: Playbook) -> list[Step]:
        """Adds what keeps hosts outside the cluster from its ports, where the inventory asks for it, and keeps it where
        it is. Returns the steps, which come before all others."""
        return close(self._cluster, book, wanted=self._cluster.inventory.firewall.enabled)

    def watch(self, book: Playbook) -> None:
        """Adds what `up` and `check` say of who reaches the ports of the cluster."""
        watch(self._cluster, book)
        book.outcome.append(reach(self._cluster, running=True))
        book.remarks.append(reach(self._cluster, running=False))


def close(cluster: Cluster, book: Playbook, *, wanted: bool | None) -> list[Step]:
    """Adds the table of every host that root sets up, and returns the steps. `wanted`: None keeps those that there
    are."""
    steps, everyones = [], addresses_of(cluster)
    for node in cluster.nodes:
        if wanted:
            book.findings += _unable(node)
        if node.facts is None or node.facts.uid == 0:
            steps.append(book.add(table(cluster, node, wanted, everyones), on=node.name))
    if wanted is None:
        book.reviews.append(Everywhere(tuple(step.host for step in steps)))
    return steps


def watch(cluster: Cluster, book: Playbook) -> None:
    """Adds what `check` says of the ports that are open."""
    for node in cluster.nodes:
        book.add(OpenPorts(f"{cluster.name}/{node.name}/"), on=node.name)


def table(
    cluster: Cluster, node: Node, wanted: bool | None, everyones: Mapping[str, tuple[str, ...]] | None = None
) -> FirewallTable:
    """`everyones`: as of `closing`."""
    systemd = bool(node.facts and node.facts.systemd)
    mark = str(Mark(cluster.name, node.name, FIREWALL))
    return FirewallTable(closed(cluster, node, everyones), mark, wanted, systemd)


def closed(cluster: Cluster, node: Node, everyones: Mapping[str, tuple[str, ...]] | None = None) -> Closing:
    """`everyones`: as of `closing`."""
    return closing(cluster, node, (Ports(PORT, PORT, "the all-reduce"),), everyones)


def tables(cluster: Cluster) -> Playbook:
    """A playbook of nothing but the tables: what `provision firewall --apply` carries out."""
    book = Playbook()
    close(cluster, book, wanted=True)
    watch(cluster, book)
    return book


def reach(cluster: Cluster, *, running: bool) -> Reach:
    """`running`: the cluster is up, whatever was last seen of its ports."""
    head = closed(cluster, cluster.head)
    api = f"the model's API is open to {' '.join(head.api_from) or 'everybody'}" if head.api else ""
    return Reach(tuple(node.name for node in cluster.nodes), api, running)


def _unable(node: Node) -> Iterator[Finding]:
    if node.facts is None:
        return
    if node.facts.uid != 0:
        hint = "set `sudo: true`, or remove `firewall` and load what `provision firewall` prints"
        yield _blocks(node.name, "root", "its firewall can only be set by root", hint)
    elif (programs := node.facts.printed.get(_PROGRAMS)) is not None and "nft" not in programs.split():
        others = f"; it has {' '.join(programs.split())}" if programs.split() else ""
        hint = f"install it on {node.name}: `sudo apt install nftables` or `sudo dnf install nftables`; "
        hint += "`provision firewall --format iptables` prints the rules for a host without it"
        yield _blocks(node.name, _PROGRAMS, f"there is no `nft` to set a firewall with{others}", hint)


def _blocks(host: str, fact: str, said: str, hint: str) -> Finding:
    return Finding(
        host, "network", fact, Severity.BLOCKS, against=Against.SOUND, why=FirewallTable.why, hint=hint, said=said
    )


@dataclass(frozen=True)
class Reach:
    """One line: what other hosts reach of the cluster, as far as that is known here. `api`: what is said of the model's
    API."""

    hosts: tuple[str, ...]
    api: str
    running: bool

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        return ()

    def lines(self, ended: Ended) -> Iterator[str]:
        known = [host for host in self.hosts if host in ended.known]
        ports = {host: ended.of(host, OPEN_PORTS) for host in known}
        if not (self.running or any(ports.values())) or not known:
            return
        shut = [host for host in known if ended.of(host, FIREWALL) == "on"]
        bare = [host for host in known if host not in shut and (self.running or ports[host])]
        parts = []
        if shut:
            parts.append(f"a firewall of ours keeps them from the ports of Ray and the ranks on {_names(shut)}")
            parts += [self.api] if self.api else []
        if bare:
            seen = f" ({'; '.join(ports[host] for host in bare)})" if len(bare) <= _FEW and not self.running else ""
            parts.append(f"nothing of ours keeps them from the ports of {_names(bare)}{seen}")
            parts.append("whether something else does is not known")
        if self.running:
            yield ""  # what stands above can be copied as it is
        yield f"other hosts: {', and '.join([', '.join(parts[:-1]), parts[-1]] if parts[1:] else parts)}"


#: So many hosts are named in the line.
_FEW = 3


def _names(hosts: Sequence[str]) -> str:
    return ", ".join(hosts) if len(hosts) <= _FEW else f"{len(hosts)} hosts"


@dataclass(frozen=True)
class Everywhere:
    """A review: a firewall that some of the hosts have, and others lack. `hosts`: those that could have it."""

    hosts: tuple[str, ...]

    def __call__(self, known: Mapping[str, tuple[Known, ...]]) -> Iterable[Finding]:
        having = {host for host in self.hosts if any(k.fact == FIREWALL for k in known.get(host, ()))}
        for host in self.hosts:
            if having and host not in having and host in known:
                yield Finding(
                    host,
                    "network",
                    FIREWALL,
                    Severity.DRIFT,
                    found="absent",
                    expected="on",
                    against=Against.PEERS,
                    why=FirewallTable.why,
                    hint="`provision firewall --apply` sets it on every host",
                )
