"""The wire between namespace hosts: one bridge per lab, one veth pair per host, and a way past Docker's firewall."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import time
from collections.abc import Sequence
from pathlib import Path

from provision.lab.command import LabError, run
from provision.lab.requirements import find

SUBNETS = tuple(ipaddress.IPv4Network(f"10.77.{third}.0/24") for third in range(256))
#: Host n has the address with this many added; the bridge has .1.
FIRST_HOST = 10
MOST_HOSTS = 240


def tag(directory: Path) -> str:
    return hashlib.sha256(str(directory).encode()).hexdigest()[:6]


def names(directory: Path) -> tuple[str, str]:
    """The bridge's name and the prefix of the veths', at most 15 characters with the host's number (IFNAMSIZ)."""
    return f"plab-{tag(directory)}", f"pl{tag(directory)}v"


def free_subnet(directory: Path) -> ipaddress.IPv4Network:
    """A subnet that no address and no route of this machine touches, starting from one that the lab's place names."""
    taken: list[ipaddress.IPv4Network] = []
    for route in json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"]).stdout or "[]"):
        if route.get("dst") not in (None, "default"):
            taken.append(ipaddress.IPv4Network(route["dst"], strict=False))
    start = int(hashlib.sha256(str(directory).encode()).hexdigest(), 16) % len(SUBNETS)
    for subnet in (*SUBNETS[start:], *SUBNETS[:start]):
        if not any(subnet.overlaps(other) for other in taken):
            return subnet
    raise LabError("no 10.77.x.0/24 network is free on this machine", hint="end a lab with `provision lab down`")


def address(subnet: ipaddress.IPv4Network, number: int) -> str:
    return str(subnet.network_address + FIRST_HOST + number)


def rules(bridge: str, name: str) -> tuple[tuple[str, ...], ...]:
    """A machine where Docker ran drops what crosses a bridge (FORWARD policy, bridge-nf-call-iptables)."""
    mark = ("-m", "comment", "--comment", f"provision-lab:{name}")
    return (("FORWARD", "-i", bridge, "-o", bridge, *mark, "-j", "ACCEPT"),)


def add_bridge(bridge: str, subnet: ipaddress.IPv4Network) -> None:
    gateway = f"{subnet.network_address + 1}/{subnet.prefixlen}"
    batch(f"link add {bridge} type bridge\naddress add {gateway} dev {bridge}\nlink set {bridge} up\n")


def add_links(bridge: str, links: Sequence[tuple[str, int]]) -> None:
    """For each (veth name, pid): a veth pair from the bridge to `eth0` in that process's network namespace."""
    batch(
        "".join(
            f"link add {link} type veth peer name eth0 netns {pid}\nlink set {link} master {bridge} up\n"
            for link, pid in links
        )
    )


def host_batch(host_address: str, subnet: ipaddress.IPv4Network) -> str:
    """What `ip -batch` does inside a host's network namespace."""
    return f"link set lo up\naddress add {host_address}/{subnet.prefixlen} brd + dev eth0\nlink set eth0 up\n"


def set_link(link: str, up: bool) -> None:
    run(["ip", "link", "set", link, "up" if up else "down"])


def add_rules(wanted: Sequence[Sequence[str]]) -> None:
    if find("iptables"):
        for rule in wanted:
            run(["iptables", "--wait", "10", "--insert", *rule])


def remove(bridge: str, links: Sequence[str], lab_rules: Sequence[Sequence[str]]) -> None:
    """Takes away what is still there of these. Raises LabError if some of it stays."""
    if find("iptables"):
        for rule in lab_rules:
            while run(["iptables", "--wait", "10", "--delete", *rule], check=False).returncode == 0:
                continue
    remove_devices([*links, bridge])


def remove_devices(names_of_lab: Sequence[str], seconds: float = 5) -> None:
    """Returns when none of these is there: only then may one of the same name be made.

    A host's link goes with its network namespace, but the kernel takes a namespace away some time after the last
    process in it has ended. Raises LabError if one outlives `seconds`.
    """
    deadline = time.monotonic() + seconds
    while left := present(names_of_lab):
        if time.monotonic() > deadline:
            raise LabError(f"network devices that stay: {', '.join(left)}")
        for name in left:
            # It may go by itself between looking and deleting.
            run(["ip", "link", "delete", name], check=False)
        time.sleep(0.02)


def present(names_of_lab: Sequence[str]) -> list[str]:
    there = {link["ifname"] for link in json.loads(run(["ip", "-json", "link"]).stdout)}
    return [name for name in names_of_lab if name in there]


def batch(text: str) -> None:
    run(["ip", "-batch", "-"], text=text)
