"""Ansible (also with Mitogen, which sends modules by a protocol of its own) and pyinfra, where they are installed.

Each is asked as its users do, by its own modules for facts, packages, files and services; and beside that in a form
that flatters it: the facts of every host that it can read without being taught, and the same things looked at, each by
what costs it least. It is first shown a fault, and must see it; then every answer must be that nothing is to change.

Neither form reads all that provision and the lower bound do: no fabrics, no Xids, no versions of interpreters. So the
ratios of both flatter them.
"""

from __future__ import annotations

import shutil

from benchmarks.ansible import ansible
from benchmarks.measuring import Way
from benchmarks.pyinfra import pyinfra
from benchmarks.rack import Rack


def others(rack: Rack) -> tuple[list[Way], list[str]]:
    """The ways that can be measured, and those left out with the reason."""
    ways, skipped = [], []
    for name, program, package, asked in (
        ("Ansible", "ansible-playbook", "ansible-core", ansible),
        ("pyinfra", "pyinfra", "pyinfra", pyinfra),
    ):
        found = shutil.which(program)
        if found is None:
            skipped.append(f"{name}: skipped, no `{program}` in PATH (docs/speed.md; pip install {package})")
            continue
        peers, left = asked(rack, found)
        ways += [peer.way(rack) for peer in peers]
        skipped += left
    return ways, skipped
