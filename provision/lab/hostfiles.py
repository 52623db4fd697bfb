"""The files that make a namespace host: what all hosts of a lab have in common, and each one's own."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from provision.lab import access, gpus
from provision.lab.base import USER
from provision.lab.state import LabState

SSHD = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
PermitRootLogin no
UseDNS no
"""


def write(state: LabState, directory: Path, cache: Path, sudo: bool) -> Path:
    """Writes every host's files, and gives the folder with what they have in common."""
    common = directory / "common"
    gpus.install(cache, common / "usr/bin", common / "usr/lib")
    text = "".join(f"{host.address} {host.name}\n" for host in state.hosts)
    put(common / "etc/hosts", f"127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n{text}")
    put(common / "etc/ssh/sshd_config.d/provision-lab.conf", SSHD)
    if sudo:
        put(common / "etc/sudoers.d/provision-lab", f"{USER} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    keys = [(Path(host.directory) / "upper/etc/ssh/ssh_host_ed25519_key", host.name) for host in state.hosts]
    access.make_keys([(directory / "key", f"provision-lab-{state.name}"), *keys])
    put(common / f"home/{USER}/.ssh/authorized_keys", access.public_key(directory / "key") + "\n", 0o600)
    for path in (common / f"home/{USER}", common / f"home/{USER}/.ssh", common / f"home/{USER}/.ssh/authorized_keys"):
        os.chown(path, 1000, 1000)
    (common / f"home/{USER}/.ssh").chmod(0o700)
    for host in state.hosts:
        upper = Path(host.directory) / "upper"
        put(upper / "etc/hostname", f"{host.name}\n")
        put(upper / "etc/machine-id", f"{uuid.uuid4().hex}\n", 0o444)
        put(upper / gpus.CONF.lstrip("/"), gpus.of_host(state.name, host.name, state.gpus).text())
        for name in ("work", "root"):
            (Path(host.directory) / name).mkdir()
    lines = [(host.address, 22, access.public_key(path)) for host, (path, _) in zip(state.hosts, keys, strict=True)]
    put(directory / "known_hosts", access.known_hosts(lines))
    return common


def put(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
