"""What a lab is known to have made where its state can no longer be read: names follow from its folder and its name."""

from __future__ import annotations

import re
from pathlib import Path

from provision.lab import cgroups, network
from provision.lab.state import HostState, LabState


def rebuilt(name: str, directory: Path) -> LabState:
    """As much of the state as it takes to remove the lab."""
    folders = sorted(path for path in directory.glob("hosts/lab-*") if path.is_dir())
    configured = [path / "sshd_config" for path in folders if (path / "sshd_config").is_file()]
    if configured:
        hosts = tuple(HostState(path.name, "", str(path)) for path in folders)
        scratch = re.search(r'"TMPDIR=([^"]+)"', configured[0].read_text("utf-8", "replace"))
        return LabState(name, "loopback", hosts, 0, 0, "", scratch=scratch[1] if scratch else "")
    bridge, link = network.names(directory)
    fabric, fabric_link = network.fabric_names(directory)
    hosts = tuple(
        HostState(
            path.name,
            "",
            str(path),
            link=f"{link}{number}",
            cgroups=cgroups.plan(f"{bridge}-{number}"),
            fabric_link=f"{fabric_link}{number}",
        )
        for path in folders
        for number in [path.name.removeprefix("lab-")]
    )
    rules = (*network.rules(bridge, name), *network.rules(fabric, name))
    return LabState(name, "namespaces", hosts, 0, 22, "", bridge=bridge, rules=rules, fabric_bridge=fabric)
