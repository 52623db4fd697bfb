"""pyinfra's questions: as its users write them, and in a form that flatters it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from benchmarks.peers import LISTENING, PACKAGES, PROGRAMS, RUNNING, Peer, paths, token
from benchmarks.rack import Rack

FACTS = """\
from pyinfra import host
from pyinfra.facts.hardware import Cpus, Memory, NetworkDevices
from pyinfra.facts.server import Arch, Hostname, Kernel, KernelVersion, LinuxDistribution, Mounts, User

own = {own!r} + host.name
for fact in (User, Hostname, Arch, Kernel, KernelVersion, LinuxDistribution, Cpus, Memory, NetworkDevices, Mounts):
    assert host.get_fact(fact)
"""

FLATTERING = """\
from pyinfra.facts.files import FileContents, FindDirectories, Link, Sha256File
from pyinfra.facts.server import Command
from pyinfra.operations import files

assert host.get_fact(Sha256File, path=own + "/ray-token")
files.file(path=own + "/ray-token", mode=600)
assert host.get_fact(Link, path={current!r})
assert host.get_fact(FileContents, path={env!r} + "/.provision")
assert len(host.get_fact(FindDirectories, path={packages!r}, maxdepth=1, fname="*.dist-info")) > 1
for command in {looks!r}:
    host.get_fact(Command, command=command.replace("{{own}}", own))
"""

OWN_OPERATIONS = """\
from pyinfra.operations import apt, files, sysvinit

apt.packages(packages={wanted!r})
files.put(src="ray-token", dest=own + "/ray-token", mode="600")
files.link(path={current!r}, target={link!r})
sysvinit.service(service="ray", running=True)
"""


def pyinfra(rack: Rack, program: str) -> tuple[list[Peer], list[str]]:
    """What can be asked, and what is left out with the reason."""
    flattered = _peer(rack, "pyinfra, flattered", program, FACTS + FLATTERING)
    if not rack.has_service:
        why = "they ask an init system for services, which these hosts have only as root"
    elif not shutil.which("dpkg"):
        why = "hosts need dpkg for `apt.packages`"
    else:
        return [_peer(rack, "pyinfra", program, FACTS + OWN_OPERATIONS), flattered], []
    return [flattered], [f"pyinfra: its own operations are left out, {why}"]


def unchanged(said: str, host: str) -> bool:
    """By the table of what it would do: for each operation on how many hosts it would change something, and on how many
    it may."""
    _, begun, rest = said.partition("--> Detected changes:\n")
    rows = rest.partition("\n\n")[0].splitlines()[1:]
    return bool(begun and rows) and f"[{host}] Ready:" in said and all(re.search(r" -\s+-\s*$", row) for row in rows)


def _peer(rack: Rack, name: str, program: str, deploy: str) -> Peer:
    folder = rack.folder / re.sub(r"[ ,]+", "-", name)
    folder.mkdir()
    token(rack, folder)
    spec = rack.spec("", "")
    data = {
        "ssh_user": spec["user"], "ssh_port": rack.port, "ssh_key": spec["key"],
        "ssh_known_hosts_file": spec["known_hosts"], "ssh_config_file": "/dev/null",
    }  # fmt: skip
    hosts = [(rack.name(n), {**data, "ssh_hostname": address}) for n, address in enumerate(rack.addresses)]
    (folder / "inventory.py").write_text(f"bench = {hosts!r}\n")
    own = f"{rack.hosts_root}/clusters/{rack.cluster}/"
    where = paths(rack)
    (folder / "deploy.py").write_text(
        deploy.format(
            own=own,
            looks=[LISTENING, PROGRAMS, RUNNING],
            wanted=list(PACKAGES),
            link=str(Path(where["current"]).readlink()),
            **where,
        )
    )
    argv = [program, "--dry", "inventory.py", "deploy.py"]
    return Peer(name, argv, folder, os.environ, only=lambda host: ["--limit", host], right=unchanged)
