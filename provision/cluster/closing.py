"""What hosts outside the cluster must not reach on a host of it: the ports of Ray and of the model's ranks. Pure.

Some of these listeners can be bound to one address, none of them to the cluster's hosts: torch's TCPStore, to which the
ranks connect first, takes no address to listen on, and NCCL, Gloo and ZeroMQ listen on ports that the kernel hands out,
others at each start. So what is closed is ports, by where a connection comes from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from provision.cluster.cluster import Cluster, Node
from provision.cluster.networks import for_nodes, ip, is_loopback
from provision.core.values import dataclass
from provision.inventory.models import Ray, Serve

#: Flags of `ray start` for ports that every node has, or the head alone; and what listens there.
_RAY = (
    ("node-manager-port", "Ray's node manager"),
    ("object-manager-port", "Ray's object manager"),
    ("runtime-env-agent-port", "Ray's runtime environment agent"),
    ("dashboard-agent-grpc-port", "Ray's dashboard agent"),
    ("dashboard-agent-listen-port", "Ray's dashboard agent"),
    ("metrics-export-port", "Ray's metrics"),
)
_RAY_HEAD = (("port", "Ray"), ("dashboard-port", "Ray's dashboard"))
#: On the head, and no flag sets them (AUTOSCALER_METRIC_PORT, DASHBOARD_METRIC_PORT in ray/_private/ray_constants.py).
_RAY_FIGURES = (44217, 44227)

#: vLLM takes the next one, and the next, where this one is taken (vllm/utils/network_utils.py).
_FROM_VLLM_PORT = 100

#: What Linux hands out unless told otherwise (net.ipv4.ip_local_port_range).
EPHEMERAL = (32768, 60999)

#: The question to a host whose answer is that range (provision/checks/host/ephemeral_ports.py).
EPHEMERAL_FACT = "ephemeral ports"


@dataclass(frozen=True)
class Ports:
    """From `first` to `last`. `what` listens there."""

    first: int
    last: int
    what: str

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True)
class Closing:
    """What is closed on one host.

    `nodes`: host of the cluster → the addresses that it connects from; `unasked`: those of which only the inventory is
    known. `pinned`: ports that are the cluster's alone; `workers` and `ephemeral`: where other programs may listen as
    well, whose ports stay open; to `ephemeral` the nodes of other clusters on the host connect, too. `api`: the port of
    the model's API if this host has it, else 0; `api_from`: who reaches it, empty for everybody. `leave`: ports that
    stay open.
    """

    cluster: str
    nodes: Mapping[str, tuple[str, ...]]
    unasked: frozenset[str]
    pinned: tuple[Ports, ...]
    workers: tuple[Ports, ...] = ()
    ephemeral: tuple[Ports, ...] = ()
    api: int = 0
    api_from: tuple[str, ...] = ()
    leave: tuple[int, ...] = ()

    @property
    def shared(self) -> tuple[Ports, ...]:
        """Where others may listen."""
        return (*self.workers, *self.ephemeral)

    @property
    def table(self) -> str:
        """Its name is the cluster's: names have no underscore, so that no two clusters have one table."""
        return f"provision_{self.cluster.replace('-', '_')}"


def closing(
    cluster: Cluster,
    node: Node,
    also: Iterable[Ports] = (),
    everyones: Mapping[str, tuple[str, ...]] | None = None,
) -> Closing:
    """`also`: other ports that are the cluster's own. `everyones`: the addresses of all, for who asks for many."""
    serve, settings = cluster.inventory.serve, cluster.inventory.firewall
    head = node is cluster.head
    pinned = [*also]
    workers: tuple[Ports, ...] = ()
    if serve is None or serve.backend == "ray":
        pinned += _ray(node.host.ray, head=head)
        workers = tuple(_workers(node.host.ray))
    if serve is not None:
        pinned += _ranks(serve, head=head)
    if (other := cluster.inventory.serverlessllm) is not None and not head:
        pinned.append(Ports(other.store_port, other.store_port, "ServerlessLLM's store"))
    return Closing(
        cluster.name,
        everyones if everyones is not None else addresses_of(cluster),
        frozenset(each.name for each in cluster.nodes if each.facts is None),
        _sorted(pinned),
        workers,
        (Ports(*ephemeral(node), "vLLM's ranks: TCPStore, ZeroMQ, NCCL, Gloo"),) if settings.ephemeral else (),
        _api(cluster) if head else 0,
        settings.api_from,
        settings.leave,
    )


def united(closed: Iterable[Closing]) -> Closing:
    """One for all hosts, to be printed: on each it closes what is the cluster's on any of them."""
    first, *others = closed
    return replace(
        first,
        pinned=_sorted(p for c in (first, *others) for p in c.pinned),
        workers=_sorted(p for c in (first, *others) for p in c.workers),
        ephemeral=_sorted(p for c in (first, *others) for p in c.ephemeral),
        api=max(c.api for c in (first, *others)),
    )


def _sorted(ports: Iterable[Ports]) -> tuple[Ports, ...]:
    return tuple(sorted(set(ports), key=lambda p: (p.first, p.last, p.what)))


def ephemeral(node: Node) -> tuple[int, int]:
    """The ports that the host's kernel hands out."""
    printed = node.facts.printed.get(EPHEMERAL_FACT, "") if node.facts is not None else ""
    found = re.match(r"(\d{1,5})-(\d{1,5})\s*\Z", printed)
    first, last = (int(found[1]), int(found[2])) if found else EPHEMERAL
    return (first, last) if 0 < first <= last < 65536 else EPHEMERAL


def addresses_of(cluster: Cluster) -> dict[str, tuple[str, ...]]:
    """By host."""
    return {node.name: addresses(node) for node in cluster.nodes}


def addresses(node: Node) -> tuple[str, ...]:
    """Those that a host connects to others from: of its networks for the cluster, since the kernel chooses the first
    address of an interface whichever one the cluster uses. None of loopback, which passes anyway."""
    found = [node.node_ip, node.host.address]
    for interface in node.facts.interfaces if node.facts is not None else ():
        for address, prefix in zip(interface.addresses, interface.prefixes, strict=False):
            if "." in address and prefix <= 31 and for_nodes(interface, address, prefix):
                found.append(address)
    known = {parsed for text in found if (parsed := ip(text)) is not None and not is_loopback(text)}
    return tuple(str(address) for address in sorted(known, key=lambda a: (a.version, int(a))))


def _ray(ray: Ray, *, head: bool) -> Iterator[Ports]:
    """As `ray start` is told: flags of the inventory win, and may name further ports."""
    flags = {f: getattr(ray, f.replace("-", "_")) for f, _ in (*_RAY, *_RAY_HEAD)}
    what = dict((*_RAY, *(_RAY_HEAD if head else ())))
    given = {name: value for name, value in ray.args.items() if name.endswith(("port", "ports", "port-list"))}
    for name, value in {**{name: flags[name] for name in what}, **given}.items():
        if name not in ("min-worker-port", "max-worker-port"):
            yield from _each(value, what.get(name, f"Ray's --{name}"))
    for port in _RAY_FIGURES if head else ():
        yield Ports(port, port, "Ray's figures of autoscaler and dashboard")
    yield from _of_environment(ray.env, "Ray")


def _workers(ray: Ray) -> Iterator[Ports]:
    first = _number(ray.args.get("min-worker-port", ray.min_worker_port))
    last = _number(ray.args.get("max-worker-port", ray.max_worker_port))
    if 0 < first <= last:
        yield Ports(first, last, "Ray's workers")


def _ranks(serve: Serve, *, head: bool) -> Iterator[Ports]:
    if head and serve.backend == "mp":
        yield from _each(serve.args.get("master-port", serve.master_port), "where the ranks meet")
    for name, value in serve.args.items():
        if name.endswith("-port") and name != "master-port":
            yield from _each(value, f"vLLM's --{name}")
    yield from _of_environment(serve.env, "vLLM")


def _of_environment(variables: Mapping[str, str], whose: str) -> Iterator[Ports]:
    for name, value in variables.items():
        if name == "VLLM_PORT" and (port := _number(value)):
            yield Ports(port, min(port + _FROM_VLLM_PORT - 1, 65535), "vLLM's ranks, from $VLLM_PORT on")
        elif name.endswith("_PORT"):
            yield from _each(value, f"{whose}'s ${name}")


def _each(value: object, what: str) -> Iterator[Ports]:
    """Of a number, or a list of them with commas; 0 is any, and none in particular."""
    values = value if isinstance(value, tuple) else str(value).split(",")
    for port in filter(None, map(_number, values)):
        yield Ports(port, port, what)


def _number(value: object) -> int:
    """A port, or 0."""
    text = str(value).strip()
    return int(text) if re.fullmatch(r"\d{1,5}", text, re.ASCII) and int(text) < 65536 else 0


def _api(cluster: Cluster) -> int:
    """0 where only the host itself reaches it, or nobody."""
    serve, other = cluster.inventory.serve, cluster.inventory.serverlessllm
    if serve is None:
        return other.port if other is not None and not is_loopback(cluster.head.node_ip) else 0
    listen = str(serve.args.get("host", serve.listen or cluster.head.node_ip))
    return 0 if is_loopback(listen) else _number(serve.args.get("port", serve.port))
