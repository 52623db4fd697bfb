"""Ansible inventories in INI: nobody reads them as Ansible does but `ansible-inventory`, which is asked if it is here.

It is run so that it starts nothing else: as a reader of INI alone (an inventory that can be run is not run), and in a
folder without an `ansible.cfg`. Its own configuration of whoever calls holds.
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

from provision.inventory.problems import Problems
from provision.inventory.programs import ProgramFailed, run

#: A section, or hosts each in a line of its own, with variables behind them.
_SECTION = re.compile(r"^\[[\w.-]+(?::(?:vars|children|hosts))?\]\s*(?:[#;].*)?$", re.MULTILINE)
_HOST = re.compile(r"^[\w.\[\]:-]+(?:[ \t]+\w+=\S.*)?$")
_VARIABLE = re.compile(r"^\S+[ \t]+ansible_\w+=", re.MULTILINE)
_ALONE = {"ANSIBLE_INVENTORY_ENABLED": "ini", "ANSIBLE_NOCOLOR": "1"}
_MOST = 1 << 20


def is_ini(text: str, path: Path) -> bool:
    if _SECTION.search(text):
        return True
    lines = [line for raw in text.splitlines() if (line := raw.strip()) and line[0] not in "#;"]
    hosts = bool(lines) and all(_HOST.match(line) and not line.endswith(":") for line in lines)
    return hosts and (path.suffix == ".ini" or bool(_VARIABLE.search(text)))


def listed(path: Path, problems: Problems) -> str:
    """The same inventory in JSON. Raises InventoryError."""
    by_hand = f"ansible-inventory -i {shlex.quote(str(path))} --list --yaml > {shlex.quote(path.stem)}.yaml"
    program = shutil.which("ansible-inventory")
    if program is None:
        message = "is an Ansible inventory in INI, which `ansible-inventory` reads, and that is not installed here"
        problems.at(1, 1, message, f"`pip install ansible-core`; or, where it is: `{by_hand}`")
        problems.stop()
    command = [program, "-i", str(path.absolute()), "--list", "--export"]
    try:
        return run(command, Path("/"), _MOST, "`ansible-inventory`", _ALONE).decode("utf-8", "replace")
    except ProgramFailed as error:
        problems.at(1, 1, f"is an Ansible inventory in INI, and {error}", by_hand)
        problems.stop()
