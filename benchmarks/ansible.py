"""Ansible's questions: as its users write them, and in a form that flatters it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

from benchmarks.peers import LISTENING, PACKAGES, PROGRAMS, RUNNING, Peer, paths, token
from benchmarks.rack import Rack

#: What Ansible finds by itself on Debian, and what has its modules for packages there.
PYTHON = "/usr/bin/python3"

FLATTERING = """\
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

OWN_MODULES = """\
- hosts: all
  gather_facts: true
  tasks:
    - ansible.builtin.package: {{name: {wanted}, state: present}}
    - ansible.builtin.copy: {{src: ray-token, dest: "{own}/ray-token", mode: "0600"}}
    - ansible.builtin.file: {{src: "{link}", dest: "{current}", state: link}}
    - ansible.builtin.sysvinit: {{name: ray, state: started}}
"""


def ansible(rack: Rack, program: str) -> tuple[list[Peer], list[str]]:
    """What can be asked, and what is left out with the reason."""
    why = _lacks(rack)
    asked = [("Ansible", OWN_MODULES)] if not why else []
    asked.append(("Ansible, flattered", FLATTERING))
    skipped = [f"Ansible: its own modules are left out, {why}"] if why else []
    peers = [_peer(rack, name, program, play, {}) for name, play in asked]
    strategies = mitogen(program)
    if strategies is None:
        skipped.append("Ansible with Mitogen: skipped, Ansible's Python has no `mitogen` (pip install mitogen)")
    else:
        by = {"ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": str(strategies)}
        for name, play in asked:
            peers.append(_peer(rack, name.replace("Ansible", "Ansible with Mitogen"), program, play, by))
    return peers, skipped


def mitogen(program: str) -> Path | None:
    """The folder of its strategies, where the Python of `program`, a script, has it."""
    with Path(program).open(encoding="utf-8", errors="replace") as script:
        python = shlex.split(script.readline().removeprefix("#!"))
    where = "import ansible_mitogen; print(ansible_mitogen.__path__[0])"
    found = subprocess.run([*python, "-c", where], capture_output=True, text=True, check=False)
    return Path(found.stdout.strip()) / "plugins/strategy" if found.returncode == 0 else None


def unchanged(said: str, host: str) -> bool:
    """By the recap of a run."""
    recap = said.rpartition("PLAY RECAP")[2]
    line = re.search(rf"^{re.escape(host)} +: ok=([1-9]\d*) +changed=0 +unreachable=0 +failed=0 ", recap, re.MULTILINE)
    return line is not None


def _lacks(rack: Rack) -> str:
    if not rack.has_service:
        return "they ask an init system for services, which these hosts have only as root"
    look = subprocess.run([PYTHON, "-c", "import apt"], capture_output=True, check=False)
    return "" if look.returncode == 0 else f"hosts need python3-apt in {PYTHON} for its `package`"


def _peer(rack: Rack, name: str, program: str, play: str, more: Mapping[str, str]) -> Peer:
    folder = rack.folder / re.sub(r"[ ,]+", "-", name.lower())
    folder.mkdir()
    token(rack, folder)
    user = rack.spec("", "")["user"]
    lines = "".join(f"{rack.name(n)} ansible_host={address}\n" for n, address in enumerate(rack.addresses))
    (folder / "hosts").write_text(
        f"[all]\n{lines}[all:vars]\nansible_user={user}\nansible_port={rack.port}\n"
        f"ansible_ssh_private_key_file={rack.folder}/key\nansible_python_interpreter={PYTHON}\n"
        f"ansible_ssh_common_args=-F /dev/null -o UserKnownHostsFile={rack.folder}/known_hosts\n"
    )
    own = f"{rack.hosts_root}/clusters/{rack.cluster}/{{{{ inventory_hostname }}}}"
    where = paths(rack)
    (folder / "play.yaml").write_text(
        play.format(
            own=own,
            looks=[LISTENING, PROGRAMS, RUNNING.format(own=own)],
            wanted=list(PACKAGES),
            link=Path(where["current"]).readlink(),
            **where,
        )
    )
    (folder / "ansible.cfg").write_text("[ssh_connection]\npipelining=True\n")
    own_files = {"ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "ANSIBLE_HOME": str(folder / "home")}
    argv = [program, "-i", "hosts", "-f", str(rack.count), "--check", "play.yaml"]
    env = {**os.environ, **own_files, **more}
    return Peer(name, argv, folder, env, only=lambda host: ["--limit", host], right=unchanged)
