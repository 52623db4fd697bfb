"""Ansible and pyinfra, where they are installed: the facts of every host, and a few things looked at.

They do less here than provision and the lower bound (no environment is compared, no process is looked for), so
their ratios flatter them.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from benchmarks.measuring import Way, command
from benchmarks.rack import Rack

PLAY = """\
- hosts: all
  gather_facts: true
  tasks:
    - file: {{path: "{token}", mode: "0600", state: file}}
    - stat: {{path: "{env}/.provision"}}
    - find: {{paths: "{env}", recurse: true, file_type: directory, patterns: "*.dist-info"}}
"""

DEPLOY = """\
from pyinfra import host
from pyinfra.facts.server import Hostname, Kernel, KernelVersion, LinuxDistribution, Which
from pyinfra.facts.hardware import Cpus, Memory, NetworkDevices
from pyinfra.facts.files import File, FindInFile, Sha256File
from pyinfra.operations import files

for fact in (Hostname, Kernel, KernelVersion, LinuxDistribution, Cpus, Memory, NetworkDevices):
    host.get_fact(fact)
host.get_fact(Sha256File, path="{token_prefix}/" + host.name + "/ray-token")
files.file(path="{env}/.provision", mode=644)
"""


def others(rack: Rack) -> tuple[list[Way], list[str]]:
    """The ways that can be measured, and those left out with the reason."""
    ways, skipped = [], []
    for name, module, make in (("Ansible", "ansible", _ansible), ("pyinfra", "pyinfra", _pyinfra)):
        if importlib.util.find_spec(module) is None:
            skipped.append(f"{name}: skipped, it is not installed")
        else:
            ways.append(make(rack, name))
    return ways, skipped


def _environment(rack: Rack) -> Path:
    return next(path for path in (rack.hosts_root / "envs").iterdir() if not path.is_symlink() and path.is_dir())


def _ansible(rack: Rack, name: str) -> Way:
    folder = rack.folder / "ansible"
    folder.mkdir()
    user = rack.spec("", "")["user"]
    lines = "".join(f"{rack.name(n)} ansible_host={address}\n" for n, address in enumerate(rack.addresses))
    (folder / "hosts").write_text(
        f"[all]\n{lines}[all:vars]\nansible_user={user}\nansible_port={rack.port}\n"
        f"ansible_ssh_private_key_file={rack.folder}/key\nansible_python_interpreter={sys.executable}\n"
        f"ansible_ssh_common_args=-F /dev/null -o UserKnownHostsFile={rack.folder}/known_hosts\n"
    )
    token = f"{rack.hosts_root}/clusters/bench/{{{{ inventory_hostname }}}}/ray-token"
    (folder / "play.yaml").write_text(PLAY.format(token=token, env=_environment(rack)))
    (folder / "ansible.cfg").write_text("[ssh_connection]\npipelining=True\n")
    env = {**os.environ, "ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "ANSIBLE_HOME": str(folder / "home")}
    program = Path(sys.executable).parent / "ansible-playbook"
    argv = [program, "-i", "hosts", "-f", str(rack.count), "--check", "play.yaml"]
    return Way(name, lambda: command(argv, cwd=folder, env=env))


def _pyinfra(rack: Rack, name: str) -> Way:
    folder = rack.folder / "pyinfra"
    folder.mkdir()
    spec = rack.spec("", "")
    data = {
        "ssh_user": spec["user"], "ssh_port": rack.port, "ssh_key": spec["key"],
        "ssh_known_hosts_file": spec["known_hosts"], "ssh_config_file": "/dev/null",
    }  # fmt: skip
    hosts = [(rack.name(n), {**data, "ssh_hostname": address}) for n, address in enumerate(rack.addresses)]
    (folder / "inventory.py").write_text(f"bench = {hosts!r}\n")
    prefix = rack.hosts_root / "clusters" / "bench"
    (folder / "deploy.py").write_text(DEPLOY.format(token_prefix=prefix, env=_environment(rack)))
    program = Path(sys.executable).parent / "pyinfra"
    argv = [program, "-y", "--dry", "inventory.py", "deploy.py"]
    return Way(name, lambda: command(argv, cwd=folder, env=dict(os.environ)))
