"""What other hosts reach of the cluster, tried: a connection to each socket that its processes listen on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace

from provision.cluster.closing import addresses, closing
from provision.cluster.cluster import Cluster, Node
from provision.cluster.gather import Fleet, fleet_of, gather_facts, nodes_of
from provision.core.errors import ScriptFailed, Unreachable, UsageError
from provision.core.events import silent
from provision.core.regex import regex
from provision.core.script import Script
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.environment.lockfile import no_lock
from provision.facts.network import read_listener
from provision.inventory.models import Host, Inventory
from provision.inventory.secrets import read_sudo_password
from provision.payload.bundle import bundle, shell
from provision.transport import Transport
from provision.transport.reach import closed

#: Of a listener on every address.
_ANY = ("0.0.0.0", "::")

_FROM = regex(r"(?:(?P<user>[^@\s]+)@)?(?P<address>\[[0-9A-Fa-f:.]+\]|[^@:\s]+)(?::(?P<port>[0-9]{1,5}))?\Z")


@dataclass(frozen=True)
class TriedSocket:
    """One socket of a host of the cluster. `answer`: `open`, `refused`, `silent` (nothing came back) or `unreachable`.
    `api`: it is the model's API, whose users are elsewhere."""

    host: str
    address: str
    port: int
    answer: str
    api: bool


@dataclass(frozen=True)
class Look:
    """`source`: the host that looked; empty for this machine."""

    source: str
    tried: tuple[TriedSocket, ...]

    @property
    def reached(self) -> tuple[TriedSocket, ...]:
        """What should not be: all that is open, but for the API."""
        return tuple(one for one in self.tried if one.answer == "open" and not one.api)


def look(
    inventory: Inventory,
    source: str = "",
    *,
    sudo_password: Secret | None = None,
    cancel: threading.Event | None = None,
) -> Look:
    """What can be connected to of the cluster, from `source`, `[user@]host[:port]`, reached as the head is; empty: from
    this machine. Raises UsageError for a host of the cluster, whose look would say nothing; HostError for one that
    could not be asked."""
    sudo_password = sudo_password or read_sudo_password(inventory)
    looker = _looker(inventory, source) if source else None
    with fleet_of(
        inventory.hosts, silent, sudo_password=sudo_password, cancel=cancel, inventory=inventory.path
    ) as fleet:
        facts = gather_facts(fleet, inventory)
        nodes = nodes_of(inventory, facts, fleet.names)
        _raise_first(fleet)
        if looker is None and (member := next((n.name for n in nodes if _is_here(n.node_ip)), "")):
            raise _no_stranger(member)
        cluster = Cluster(inventory, nodes, no_lock(inventory.python, inventory.lock_path), {})
        found = fleet.on_each(fleet.hosts, lambda host: _listening(fleet, cluster, host))
        _raise_first(fleet)
    sockets = [one for host in fleet.names for one in found.get(host, ())]
    if looker is None:
        why = closed((one.address, one.port) for one in sockets)
        answers = [_word(why.get((one.address, one.port), "")) for one in sockets]
    else:
        answers = _from(looker, sockets, cancel)
    tried = (replace(one, answer=answer) for one, answer in zip(sockets, answers, strict=True))
    return Look(source, tuple(tried))


def _looker(inventory: Inventory, source: str) -> Host:
    given = _FROM.match(source)
    if given is None:
        raise UsageError(f"`{source}` is no `[user@]host[:port]`")
    address = given["address"].strip("[]")
    member = next((h.name for h in inventory.hosts if address in (h.name, h.address, h.node_ip)), "")
    if member:
        raise _no_stranger(member)
    ssh = inventory.head.ssh
    changed = {key: value for key, value in (("user", given["user"]), ("port", given["port"])) if value}
    how = ssh.model_copy(update={**changed, **({"port": int(given["port"])} if given["port"] else {})})
    return Host(name=source, address=address, ssh=how.model_copy(update={"host_key": None}))


def _no_stranger(member: str) -> UsageError:
    hint = "look from a host outside of it: `--look-from [user@]host[:port]`"
    return UsageError(f"{member} is of the cluster: its look would say nothing", hint=hint)


def _is_here(address: str) -> bool:
    """What this machine connects to from the same address is itself. Nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return str(probe.getsockname()[0]) == address
    except OSError:
        return False


def _listening(fleet: Fleet, cluster: Cluster, host: Host) -> tuple[TriedSocket, ...]:
    script = Script(
        f"{shell('firewall/listeners.sh')}\nlisteners own", {"whose": f"{cluster.name}/{host.name}/"}, timeout=20
    )
    (fragment,) = fleet.transport.connect(host).run([script])
    if not fragment.ok:
        raise ScriptFailed(host.name, "what listens there could not be read", evidence=fragment.tail())
    node = next(n for n in cluster.nodes if n.name == host.name)
    return tuple(dict.fromkeys(sockets_of(cluster, node, fragment.stdout.splitlines())))


def sockets_of(cluster: Cluster, node: Node, lines: Sequence[str]) -> Iterator[TriedSocket]:
    """Of a listener on every address one for each address that others may know the host by."""
    api = closing(cluster, node).api
    entries = sorted((found for line in lines if (found := read_listener(line))), key=lambda found: found.port)
    for entry in entries:
        if not entry.address.startswith("127.") and entry.address != "::1":
            for one in addresses(node) if entry.address in _ANY else (entry.address,):
                yield TriedSocket(node.name, one, entry.port, "", entry.port == api)


def _from(looker: Host, sockets: Sequence[TriedSocket], cancel: threading.Event | None) -> list[str]:
    asked = " ".join(f"{one.address},{one.port}" for one in sockets)
    variables = {"program": bundle("firewall.look:main"), "endpoints": asked}
    with Transport([looker], cancel=cancel) as transport:
        (fragment,) = transport.connect(looker).run([Script(shell("firewall/look.sh"), variables, timeout=120)])
    answers = fragment.stdout.split()
    if not fragment.ok or len(answers) != len(sockets):
        hint = "that takes Python 3.7 there"
        raise ScriptFailed(looker.name, "it could not look", evidence=fragment.tail(), hint=hint)
    return answers


def _word(why: str) -> str:
    if not why:
        return "open"
    return why if why == "refused" else "silent" if why.startswith("no answer") else "unreachable"


def _raise_first(fleet: Fleet) -> None:
    for error in sorted(fleet.all_errors, key=lambda error: not isinstance(error, Unreachable)):
        raise error
