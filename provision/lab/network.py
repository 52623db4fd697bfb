"""The wires between namespace hosts: a bridge, a veth pair per host, and a way past Docker's firewall.

A lab with a fabric has all of it twice: `eth0` is the management network that SSH comes in through, `eth1` the
fabric, which is the better one by what can be seen of it, since its frames are larger.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from provision.lab.command import LabError, run
from provision.lab.requirements import find
from provision.lab.state import HostState, LabState

Address = tuple[str, ipaddress.IPv4Network]

SUBNETS = tuple(ipaddress.IPv4Network(f"10.77.{third}.0/24") for third in range(256))
FABRICS = tuple(ipaddress.IPv4Network(f"10.78.{third}.0/24") for third in range(256))
MANAGEMENT, FABRIC = "eth0", "eth1"
#: Bytes. Veths tell no speed: frame size is what sets the fabric apart.
FABRIC_MTU = 9000
#: Host n has the address with this many added; the bridge has .1.
FIRST_HOST = 10
MOST_HOSTS = 240


def tag(directory: Path) -> str:
    return hashlib.sha256(str(directory).encode()).hexdigest()[:6]


def names(directory: Path) -> tuple[str, str]:
    """The bridge's name and the prefix of the veths', at most 15 characters with the host's number (IFNAMSIZ)."""
    return f"plab-{tag(directory)}", f"pl{tag(directory)}v"


def fabric_names(directory: Path) -> tuple[str, str]:
    """The same, of the fabric."""
    return f"plabf-{tag(directory)}", f"pl{tag(directory)}f"


def free_subnet(directory: Path, subnets: Sequence[ipaddress.IPv4Network] = SUBNETS) -> ipaddress.IPv4Network:
    """A subnet that no address and no route of this machine touches, starting from one that the lab's place names."""
    taken: list[ipaddress.IPv4Network] = []
    for route in json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]).stdout or "[]"):
        if route.get("dst") not in (None, "default"):
            taken.append(ipaddress.IPv4Network(route["dst"], strict=False))
    start = int(hashlib.sha256(str(directory).encode()).hexdigest(), 16) % len(subnets)
    for subnet in (*subnets[start:], *subnets[:start]):
        if not any(subnet.overlaps(other) for other in taken):
            return subnet
    family = str(subnets[0].network_address).removesuffix("0.0")
    raise LabError(f"no {family}x.0/24 network is free on this machine", hint="end a lab with `provision lab down`")


def address(subnet: ipaddress.IPv4Network, number: int) -> str:
    return str(subnet.network_address + FIRST_HOST + number)


def rules(bridge: str, name: str) -> tuple[tuple[str, ...], ...]:
    """A machine where Docker ran drops what crosses a bridge (FORWARD policy, bridge-nf-call-iptables)."""
    mark = ("-m", "comment", "--comment", f"provision-lab:{name}")
    return (("FORWARD", "-i", bridge, "-o", bridge, *mark, "-j", "ACCEPT"),)


def add_bridge(bridge: str, subnet: ipaddress.IPv4Network) -> None:
    gateway = f"{subnet.network_address + 1}/{subnet.prefixlen}"
    batch(f"link add {bridge} type bridge\naddress add {gateway} dev {bridge}\nlink set {bridge} up\n")


def add_links(bridge: str, links: Sequence[tuple[str, int]], device: str = MANAGEMENT, mtu: int = 1500) -> None:
    """For each (veth name, pid): a veth pair from the bridge to `device` in that process's network namespace."""
    batch(
        "".join(
            f"link add {link} mtu {mtu} type veth peer name {device} mtu {mtu} netns {pid}\n"
            f"link set {link} master {bridge} up\n"
            for link, pid in links
        )
    )


def host_batch(addresses: Mapping[str, Address]) -> str:
    """What `ip -batch` does inside a host's network namespace: device → its address and network."""
    lines = [
        f"address add {own}/{subnet.prefixlen} brd + dev {device}\nlink set {device} up\n"
        for device, (own, subnet) in addresses.items()
    ]
    return "".join(("link set lo up\n", *lines))


def set_link(link: str, up: bool) -> None:
    run(["ip", "link", "set", link, "up" if up else "down"])


def set_mtu(link: str, mtu: int) -> None:
    run(["ip", "link", "set", link, "mtu", str(mtu)])


def add_rules(wanted: Sequence[Sequence[str]]) -> None:
    if find("iptables"):
        for rule in wanted:
            run(["iptables", "--wait", "10", "--insert", *rule])


def remove(devices: Sequence[str], lab_rules: Sequence[Sequence[str]]) -> None:
    """Takes away what is still there of these. Raises LabError if some of it stays."""
    if find("iptables"):
        for rule in lab_rules:
            while run(["iptables", "--wait", "10", "--delete", *rule], check=False).returncode == 0:
                continue
    remove_devices(devices)


def remove_devices(names_of_lab: Sequence[str], seconds: float = 300) -> None:
    """Returns when none of these is there: only then may one of the same name be made.

    A host's link goes with its network namespace, but the kernel takes a namespace away some time after the last
    process in it has ended. Raises LabError if one outlives `seconds`.
    """
    deadline = time.monotonic() + seconds
    while left := present(names_of_lab):
        if time.monotonic() > deadline:
            raise LabError(f"network devices that could not be removed: {', '.join(left)}")
        for name in left:
            # It may go by itself between looking and deleting.
            run(["ip", "link", "delete", name], check=False)
        time.sleep(0.02)


def present(names_of_lab: Sequence[str]) -> list[str]:
    there = {link["ifname"] for link in json.loads(run(["ip", "-json", "link"]).stdout)}
    return [name for name in names_of_lab if name in there]


def batch(text: str) -> None:
    run(["ip", "-batch", "-"], text=text)


def addresses(state: LabState, host: HostState) -> Mapping[str, Address]:
    """Each of a host's devices, with its address and network."""
    found = {MANAGEMENT: (host.address, ipaddress.IPv4Network(state.subnet))}
    if state.fabric_subnet:
        found[FABRIC] = (host.fabric_address, ipaddress.IPv4Network(state.fabric_subnet))
    return found
