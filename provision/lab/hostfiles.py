"""The files that make a namespace host: what all hosts of a lab have in common, and each one's own."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from provision.lab import access, base, gpus
from provision.lab.base import USER
from provision.lab.state import LabState

SSHD = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
PermitRootLogin no
UseDNS no
"""


def write(state: LabState, directory: Path, cache: Path, sudo: bool) -> Path:
    """Makes the keys, writes every host's files, and gives the folder with what they have in common."""
    uppers = [Path(host.directory) / "upper" for host in state.hosts]
    keys = [upper / "etc/ssh/ssh_host_ed25519_key" for upper in uppers]
    names = [host.name for host in state.hosts]
    access.make_keys([(directory / "key", f"provision-lab-{state.name}"), *zip(keys, names, strict=True)])
    lines = [(host.address, 22, access.public_key(key)) for host, key in zip(state.hosts, keys, strict=True)]
    put(directory / "known_hosts", access.known_hosts(lines))
    for host, upper in zip(state.hosts, uppers, strict=True):
        put(upper / "etc/hostname", f"{host.name}\n")
        put(upper / "etc/machine-id", f"{uuid.uuid4().hex}\n", 0o444)
        put(upper / gpus.CONF.lstrip("/"), gpus.of_host(state.name, host.name, state.gpus).text())
        open_folders(upper)
        for name in ("work", "root"):
            (Path(host.directory) / name).mkdir()
    common = directory / "common"
    write_common(common, state, cache, access.public_key(directory / "key"), sudo)
    return common


def write_common(common: Path, state: LabState, cache: Path, key: str, sudo: bool) -> None:
    gpus.install(cache, common / "usr/bin", common / "usr/lib")
    text = "".join(f"{host.address} {host.name}\n" for host in state.hosts)
    put(common / "etc/hosts", f"127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n{text}")
    put(common / "etc/ssh/sshd_config.d/provision-lab.conf", SSHD)
    if sudo:
        put(common / "etc/sudoers.d/provision-lab", f"{USER} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    home = common / f"home/{USER}"
    put(home / ".ssh/authorized_keys", f"{key}\n", 0o600)
    open_folders(common)
    (home / ".ssh").chmod(0o700)
    for path in (home, home / ".ssh", home / ".ssh/authorized_keys"):
        os.chown(path, base.USER_ID, base.USER_ID)


def open_folders(top: Path) -> None:
    """Whatever our umask: the topmost layer's folders give the host's folders their modes."""
    for folder in (top, *(path for path in top.rglob("*") if path.is_dir())):
        folder.chmod(0o755)


def put(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
