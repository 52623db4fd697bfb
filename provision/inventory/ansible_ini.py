"""Ansible inventories in INI: nobody reads them as Ansible does but `ansible-inventory`, which is asked if it is here.

It is run so that it starts nothing else: as a reader of INI alone (an inventory that can be run is not run), and in a
folder without an `ansible.cfg`. Its own configuration of whoever calls holds.
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

from provision.core.regex import regex
from provision.inventory.problems import Problems
from provision.inventory.programs import ProgramFailed, run

#: A section, or hosts each in a line of its own, with variables behind them.
_SECTION = regex(r"^\[[\w.-]+(?::(?:vars|children|hosts))?\]\s*(?:[#;].*)?$", re.MULTILINE)
_HOST = regex(r"^[\w.\[\]:-]+(?:[ \t]+\w+=\S.*)?$")
_VARIABLE = regex(r"^\S+[ \t]+ansible_\w+=", re.MULTILINE)
_ALONE = {"ANSIBLE_INVENTORY_ENABLED": "ini", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1"}
_MOST = 1 << 20


def is_ini(text: str, path: Path) -> bool:
    if _SECTION.search(text):
        return True
    lines = [line for raw in text.splitlines() if (line := raw.strip()) and line[0] not in "#;"]
    hosts = bool(lines) and all(_HOST.match(line) and not line.endswith(":") for line in lines)
    return hosts and (path.suffix == ".ini" or bool(_VARIABLE.search(text)))


def refuse_programs(text: str, path: Path, problems: Problems) -> None:
    """What lists hosts only when Ansible runs it, a program or the configuration of a plugin, is not run here."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith(("#", "---"))]
    if text.startswith("#!"):
        problems.at(1, 1, "is a program that lists hosts for Ansible, which is not run here", _by_hand(path))
    elif any(re.match(r"plugin: *[\w.]+ *$", line) for line in lines) and not any(
        line.startswith(("cluster:", "hosts:", "all:")) for line in lines
    ):
        problems.at(1, 1, "configures a plugin that lists hosts for Ansible, which is not run here", _by_hand(path))
    problems.stop_if_any()


def _by_hand(path: Path) -> str:
    return f"ansible-inventory -i {shlex.quote(str(path))} --list --yaml > {shlex.quote(f'{path.stem}-hosts')}.yaml"


def listed(path: Path, problems: Problems) -> str:
    """The same inventory in JSON. Raises InventoryError."""
    by_hand = _by_hand(path)
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
