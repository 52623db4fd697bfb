"""How people get into lab hosts: keys made for the lab, a known_hosts file, and the inventory that names them."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from provision.lab.command import LabError
from provision.lab.requirements import find
from provision.lab.state import LabState

KEY_TIMEOUT = 300  # seconds


def make_keys(wanted: Sequence[tuple[Path, str]]) -> None:
    """Makes an ed25519 key pair at each (path, comment), all at the same time."""
    program = find("ssh-keygen") or "ssh-keygen"
    started = []
    for path, comment in wanted:
        path.parent.mkdir(parents=True, exist_ok=True)
        command = [program, "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)]
        started.append(
            subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8", errors="replace"
            )
        )
    for process in started:
        _, said = process.communicate(timeout=KEY_TIMEOUT)
        if process.returncode != 0:
            raise LabError(f"ssh-keygen ended with exit code {process.returncode}", evidence=said.splitlines())


def public_key(path: Path) -> str:
    return path.with_name(f"{path.name}.pub").read_text().strip()


def known_hosts(hosts: Sequence[tuple[str, int, str]]) -> str:
    """Lines for (address, port, public host key)."""
    lines = []
    for address, port, key in hosts:
        where = address if port == 22 else f"[{address}]:{port}"
        lines.append(f"{where} {' '.join(key.split()[:2])}\n")
    return "".join(lines)


def greets(address: str, port: int, seconds: float = 1.0) -> bool:
    """Whether an SSH server answers there."""
    try:
        with socket.create_connection((address, port), timeout=seconds) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def inventory(
    state: LabState,
    directory: Path,
    settings: Mapping[str, object],
    own: Mapping[str, Mapping[str, object]] | None = None,
) -> str:
    """The lab as an inventory; `settings` are further top-level keys (python, ray, serve …), which win. `own`: what
    each host sets for itself, by name."""
    ssh: dict[str, object] = {"user": state.user, "port": state.port, "key": str(directory / "key")}
    ssh["known_hosts"] = str(directory / "known_hosts")
    hosts: dict[str, object] = {}
    for index, host in enumerate(state.hosts):
        entry = {"address": host.address, "role": "worker" if index else "head"}
        # With two addresses, which one the others talk to is for provision to find out.
        if not host.fabric_address:
            entry["node_ip"] = host.address
        hosts[host.name] = {**entry, **(own or {}).get(host.name, {})}
    document: dict[str, object] = {"cluster": state.name, "ssh": ssh, "hosts": hosts}
    document["expect"] = {"driver": ">=580", "gpus": state.gpus, "gpu": "H100"}
    document.update(settings)
    intro = f"# The inventory of the lab `{state.name}`, written by `provision lab up`.\n"
    return intro + "".join(block(document, 0))


def block(value: Mapping[str, object], depth: int) -> Iterator[str]:
    """Mappings as YAML blocks down to the second level; what is below on one line, as JSON, which is YAML, too."""
    for key, below in value.items():
        name = "  " * depth + (key if key.replace("_", "a").replace("-", "a").isalnum() else json.dumps(key))
        if isinstance(below, Mapping) and below and depth < 1:
            yield f"{name}:\n"
            yield from block(below, depth + 1)
        else:
            yield f"{name}: {flow(below)}\n"


def flow(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(key))}: {flow(below)}" for key, below in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(below) for below in value) + "]"
    return json.dumps(value if isinstance(value, (str, int, float, bool, type(None))) else str(value))
