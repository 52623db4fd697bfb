"""Ansible and pyinfra, where they are installed: the facts of every host that they can read without being taught, and
the same things looked at, each by the module that its users would take.

Neither reads all that provision and the lower bound do: no fabrics, no Xids, no versions of interpreters. Nothing is
held against anything. So their ratios flatter them.
"""

from __future__ import annotations

import os
import shutil
import sys

from benchmarks.measuring import Way
from benchmarks.rack import Rack

#: Fits both: what listens, which Rays and vLLMs run, and whether the service that was started still does.
LISTENING = "grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6"
PROGRAMS = "grep -las -e '[r]aylet/raylet' -e 'gcs/[g]cs_server' -e 'bin/[v]llm' /proc/[0-9]*/cmdline || true"
RUNNING = "pid=$(sed -n s/^pid=//p {own}/ray/stamp) && cat /proc/$pid/stat"

PLAY = """\
- hosts: all
  gather_facts: true
  tasks:
    - stat: {{path: "{own}/ray-token", checksum_algorithm: sha256}}
    - stat: {{path: "{current}"}}
    - slurp: {{src: "{env}/.provision"}}
    - find: {{paths: "{packages}", file_type: directory, patterns: "*.dist-info"}}
    - shell: {{cmd: "{{{{ item }}}}"}}
      check_mode: false
      changed_when: false
      loop: {looks}
"""

DEPLOY = """\
from pyinfra import host
from pyinfra.facts.files import FileContents, FindDirectories, Link, Sha256File
from pyinfra.facts.hardware import Cpus, Memory, NetworkDevices
from pyinfra.facts.server import Arch, Command, Hostname, Kernel, KernelVersion, LinuxDistribution, Mounts, User
from pyinfra.operations import files

own = {own!r} + host.name
for fact in (User, Hostname, Arch, Kernel, KernelVersion, LinuxDistribution, Cpus, Memory, NetworkDevices, Mounts):
    host.get_fact(fact)
host.get_fact(Sha256File, path=own + "/ray-token")
files.file(path=own + "/ray-token", mode=600)
host.get_fact(Link, path={current!r})
host.get_fact(FileContents, path={env!r} + "/.provision")
assert len(host.get_fact(FindDirectories, path={packages!r}, maxdepth=1, fname="*.dist-info")) > 1
for command in {looks!r}:
    host.get_fact(Command, command=command.replace("{{own}}", own))
"""


def others(rack: Rack) -> tuple[list[Way], list[str]]:
    """The ways that can be measured, and those left out with the reason."""
    ways, skipped = [], []
    for name, program, package, make in (
        ("Ansible", "ansible-playbook", "ansible-core", _ansible),
        ("pyinfra", "pyinfra", "pyinfra", _pyinfra),
    ):
        found = shutil.which(program)
        if found is None:
            skipped.append(f"{name}: skipped, no `{program}` in PATH (docs/speed.md; pip install {package})")
        else:
            ways.append(make(rack, name, found))
    return ways, skipped


def _paths(rack: Rack) -> dict[str, str]:
    envs = rack.hosts_root / "envs"
    env = next(path for path in envs.iterdir() if not path.is_symlink() and path.is_dir())
    (packages,) = env.glob("lib/python3*/site-packages")
    return {"env": str(env), "packages": str(packages), "current": str(envs / "current-bench")}


def _ansible(rack: Rack, name: str, program: str) -> Way:
    folder = rack.folder / "ansible"
    folder.mkdir()
    user = rack.spec("", "")["user"]
    lines = "".join(f"{rack.name(n)} ansible_host={address}\n" for n, address in enumerate(rack.addresses))
    (folder / "hosts").write_text(
        f"[all]\n{lines}[all:vars]\nansible_user={user}\nansible_port={rack.port}\n"
        f"ansible_ssh_private_key_file={rack.folder}/key\nansible_python_interpreter={sys.executable}\n"
        f"ansible_ssh_common_args=-F /dev/null -o UserKnownHostsFile={rack.folder}/known_hosts\n"
    )
    own = f"{rack.hosts_root}/clusters/bench/{{{{ inventory_hostname }}}}"
    looks = [LISTENING, PROGRAMS, RUNNING.format(own=own)]
    (folder / "play.yaml").write_text(PLAY.format(own=own, looks=looks, **_paths(rack)))
    (folder / "ansible.cfg").write_text("[ssh_connection]\npipelining=True\n")
    env = {**os.environ, "ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "ANSIBLE_HOME": str(folder / "home")}
    argv = [program, "-i", "hosts", "-f", str(rack.count), "--check", "play.yaml"]
    return Way.of(name, argv, cwd=folder, env=env)


def _pyinfra(rack: Rack, name: str, program: str) -> Way:
    folder = rack.folder / "pyinfra"
    folder.mkdir()
    spec = rack.spec("", "")
    data = {
        "ssh_user": spec["user"], "ssh_port": rack.port, "ssh_key": spec["key"],
        "ssh_known_hosts_file": spec["known_hosts"], "ssh_config_file": "/dev/null",
    }  # fmt: skip
    hosts = [(rack.name(n), {**data, "ssh_hostname": address}) for n, address in enumerate(rack.addresses)]
    (folder / "inventory.py").write_text(f"bench = {hosts!r}\n")
    own = f"{rack.hosts_root}/clusters/bench/"
    deploy = DEPLOY.format(own=own, looks=[LISTENING, PROGRAMS, RUNNING], **_paths(rack))
    (folder / "deploy.py").write_text(deploy)
    return Way.of(name, [program, "--dry", "inventory.py", "deploy.py"], cwd=folder, env=os.environ)
