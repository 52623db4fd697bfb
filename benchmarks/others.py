"""Ansible (also with Mitogen, which sends modules by a protocol of its own) and pyinfra, where they are installed: the
facts of every host that they can read without being taught, and the same things looked at, each by the module that its
users would take.

Neither reads all that provision and the lower bound do: no fabrics, no Xids, no versions of interpreters. Nothing is
held against anything. So their ratios flatter them.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

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
        if name == "Ansible" and found is not None:
            strategies = _mitogen(found)
            if strategies is None:
                skipped.append("Ansible with Mitogen: skipped, Ansible's Python has no `mitogen` (pip install mitogen)")
            else:
                by = {"ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": str(strategies)}
                ways.append(_ansible(rack, "Ansible with Mitogen", found, by))
    return ways, skipped


def _mitogen(program: str) -> Path | None:
    """The folder of its strategies, where the Python of `program`, a script, has it."""
    with Path(program).open(encoding="utf-8", errors="replace") as script:
        python = shlex.split(script.readline().removeprefix("#!"))
    where = "import ansible_mitogen; print(ansible_mitogen.__path__[0])"
    found = subprocess.run([*python, "-c", where], capture_output=True, text=True, check=False)
    return Path(found.stdout.strip()) / "plugins/strategy" if found.returncode == 0 else None


def _paths(rack: Rack) -> dict[str, str]:
    envs = rack.hosts_root / "envs"
    current = envs / "current-bench"
    env = current.resolve()
    (packages,) = env.glob("lib/python3*/site-packages")
    return {"env": str(env), "packages": str(packages), "current": str(current)}


def _ansible(rack: Rack, name: str, program: str, more: Mapping[str, str] | None = None) -> Way:
    folder = rack.folder / name.replace(" ", "-").lower()
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
    own_files = {"ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "ANSIBLE_HOME": str(folder / "home")}
    env = {**os.environ, **own_files, **(more or {})}
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
