"""Reads an Ansible inventory, in YAML or as `ansible-inventory --list` writes it, as if it had been written in
provision's own format.

Hosts and their variables, also those of `group_vars` and `host_vars` beside the file, as `ansible_words` reads them;
all that is not Ansible's own is handed to playbooks as `vars`. A host of the group `head` is the head. Where there is
a group `workers`, hosts in neither are left alone (they are other machines); without one, all others are workers.
What Ansible has no word for stands in a mapping `provision:` among the vars of `all`, in the words of
provision's own format; among the vars of a group or a host it holds settings of a host.
"""

from __future__ import annotations

import re
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from provision.core.errors import InventoryError
from provision.core.regex import regex
from provision.core.values import dataclass
from provision.inventory.ansible_files import VarsFile, VarsFiles
from provision.inventory.ansible_list import unfolded
from provision.inventory.ansible_words import ORDER, is_encrypted, translate
from provision.inventory.checks import RoleHints
from provision.inventory.format import InventoryFile
from provision.inventory.hosts import merge
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems
from provision.inventory.ranges import RangeError, expand
from provision.inventory.source import is_ambiguous, refuse_ambiguous

ROLE_HINTS = RoleHints(
    none="put one host into a group `head`: `all: {children: {head: {hosts: {gpu-01: }}}}`",
    empty="list them: `all: {children: {head: {hosts: {gpu-01: {ansible_host: 10.0.0.1}}}}}`",
    many="leave one host in the group `head`, and put the others into `workers`",
)

_WORKERS = ("workers", "worker")
_GROUP_KEYS = frozenset({"hosts", "children", "vars"})


def is_ansible(root: YamlNode) -> bool:
    """`all:` at the top, or nothing there but groups."""
    top = root.children
    if "_meta" in top:
        return True
    if "all" in top:
        return "cluster" not in top and "hosts" not in top
    groups = [n for n in top.values() if n.is_mapping and n.children and _GROUP_KEYS.issuperset(n.children)]
    return bool(groups) and len(groups) == len(top) and not top.keys() & InventoryFile.model_fields.keys()


def of_variable(path: tuple[str, ...]) -> bool:
    """Whether what stands at `path` is of a variable's value, where any key will do; not of our own settings."""
    if "provision" in path:
        return False
    return "vars" in path or ("hosts" in path and path.index("hosts") + 1 < len(path))


@dataclass
class _Group:
    depth: int = 0
    vars: dict[str, YamlNode] = field(default_factory=dict)
    hosts: dict[str, YamlNode] = field(default_factory=dict)  # where each is listed
    parents: set[str] = field(default_factory=set)

    @property
    def rank(self) -> tuple[int, int]:
        """What a later group says counts: one further in, and of the same depth one of higher priority."""
        said = self.vars.get("ansible_group_priority")
        return self.depth, int(said.text) if said is not None and re.fullmatch(r"-?[0-9]{1,9}", said.text) else 1


def from_ansible(root: YamlNode, file: Path, problems: Problems, *, beside: bool = True) -> YamlNode:
    """The same inventory as a tree of provision's own format; each node still knows where it stands. `beside`: whether
    `group_vars` and `host_vars` are still to be read; Ansible itself has read them where it lists the hosts."""
    reader = _Groups(problems)
    for name, node in unfolded(root).children.items():
        reader.read(name, node, (), None)
    own = reader.groups["all"].vars.pop("provision", None) if "all" in reader.groups else None
    settings = dict(own.children) if own is not None else {}
    if own is not None:
        _check_own(own, problems)
    for key in ("hosts", "groups"):
        if key in settings:
            problems.key(settings.pop(key), f"`{key}` come from the Ansible inventory around it", "remove it here")
    files = VarsFiles(file if beside else None)
    hosts = {name: _entry(name, reader, files, problems) for name in _members(reader)}
    if files.problems:
        raise InventoryError([found for one in (problems, *files.problems) for found in one.found])
    name = re.sub(r"[^a-z0-9]+", "-", file.stem.lower())[:40].strip("-") or "cluster"
    settings.setdefault("cluster", _made(name, root, ("cluster",)))
    settings["groups"] = root.with_value(_listed_groups(reader, hosts, root))
    section = replace(root, value=hosts, path=("all",))
    return root.with_value({**settings, "hosts": section})


def _listed_groups(reader: _Groups, hosts: dict[str, YamlNode], root: YamlNode) -> dict[str, YamlNode]:
    """Only who is in which: what the groups say is merged into their hosts already."""
    names = sorted(reader.groups.keys() - {"all"}, key=lambda name: (reader.groups[name].depth, name))
    listed = {n: tuple(_made(h, node, node.path) for h, node in hosts.items() if n in reader.of(h)) for n in names}
    return {name: root.with_value({"hosts": root.with_value(members)}) for name, members in listed.items()}


class _Groups:
    """The groups of the file, by name. A group may stand in several places."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.groups: dict[str, _Group] = {}
        self._of: dict[str, list[str]] = {}

    def read(self, name: str, node: YamlNode, above: tuple[str, ...], parent: str | None) -> None:
        if name in above:
            self.problems.key(node, f"the group `{name}` is its own ancestor", "remove it here")
            return
        group = self.groups.setdefault(name, _Group())
        # A group at the top is one of `all` that nobody says so.
        unsaid = "all" not in (name, *above)
        group.depth = max(group.depth, len(above) + unsaid)
        if parent:
            group.parents.add(parent)
        for key, child in self._mapping(node, "a group").children.items():
            if key not in _GROUP_KEYS:
                message = f"unknown key `{key}` in the group `{name}`"
                self.problems.key(child, message, "a group has `hosts`, `children` and `vars`")
                continue
            if key != "vars" and isinstance(child.value, str):  # `hosts: gpu-01`
                child = child.with_value({child.text: replace(child, value=None, path=(*child.path, child.text))})
            section = self._mapping(child, f"`{key}`")
            if key == "vars":
                group.vars.update(section.children)
            for inner_name, inner in section.children.items():
                if key == "children":
                    self.read(inner_name, inner, (*above, name), name)
                elif key == "hosts":
                    self._hosts(group, inner_name, inner)

    def _hosts(self, group: _Group, written: str, node: YamlNode) -> None:
        written, port = _port(written)
        try:
            names = expand(written)
        except RangeError as error:
            self.problems.key(node, str(error), error.hint)
            return
        listed = self._mapping(node, "a host")
        if port and "ansible_port" not in listed.children:
            said = replace(_made(port, node, (*node.path, "ansible_port")), line=node.key[0], column=node.key[1])
            listed = listed.with_value({"ansible_port": said, **listed.children})
        for name in names:
            group.hosts[name] = merge(group.hosts[name], listed) if name in group.hosts else listed

    def _mapping(self, node: YamlNode, what: str) -> YamlNode:
        if node.value is not None and not node.is_mapping:
            found = "a list" if node.is_list else f"`{node.text}`"
            hint = "Ansible's YAML puts a colon after each name: `gpu-01:`"
            self.problems.value(node, f"{what} should be a mapping, found {found}", hint)
        return node if node.is_mapping else node.with_value({})

    def of(self, host: str) -> list[str]:
        """Every group that holds `host`, those further out first, as Ansible's precedence goes. Asked once
        everything is read."""
        if host in self._of:
            return self._of[host]
        found: set[str] = set()
        todo = [name for name, group in self.groups.items() if host in group.hosts]
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += self.groups[name].parents
        if "all" in self.groups:
            found.add("all")
        self._of[host] = sorted(found, key=lambda name: (name != "all", *self.groups[name].rank, name))
        return self._of[host]


def _members(reader: _Groups) -> list[str]:
    names = list(dict.fromkeys(name for group in reader.groups.values() for name in group.hosts))
    if not any(name in reader.groups for name in _WORKERS):
        return names
    wanted = {"head", *_WORKERS}
    return [name for name in names if wanted & set(reader.of(name))]


def _entry(host: str, reader: _Groups, files: VarsFiles, problems: Problems) -> YamlNode:
    groups = reader.of(host)
    listed = [reader.groups[name].hosts[host] for name in groups if host in reader.groups[name].hosts]
    place = listed[-1]
    # The order is Ansible's: of groups, group_vars, of hosts, host_vars. Groups further out come first.
    layers = [VarsFile(reader.groups[name].vars, problems) for name in groups]
    layers += [file for name in groups for file in files.of("group_vars", name)]
    layers += [VarsFile(node.children, problems) for node in listed]
    layers += files.of("host_vars", host)
    variables: dict[str, tuple[YamlNode, Problems]] = {}
    own: YamlNode | None = None
    for layer in layers:
        for name, node in layer.vars.items():
            if name == "provision":
                _check_own(node, layer.problems)
                own = node if own is None else merge(own, node)
            else:
                variables[name] = (node, layer.problems)
    if "head" in groups:
        direct = reader.groups["head"].hosts.get(host, place)
        role = {"role": replace(_made("head", direct, direct.path), line=direct.key[0], column=direct.key[1])}
    else:
        role = {}
    entry = place.with_value({**role, **_translate(variables, place, problems)})
    return merge(entry, own) if own is not None and own.is_mapping else entry


def _translate(
    variables: dict[str, tuple[YamlNode, Problems]], place: YamlNode, problems: Problems
) -> dict[str, YamlNode]:
    """Ansible's variables in our words. What another file says stands where its host does, for all that comes later."""
    found: dict[str, YamlNode] = {}
    free: dict[str, YamlNode] = {}
    for name in sorted(variables, key=lambda name: ORDER.index(name) if name in ORDER else -1):
        node, where = variables[name]
        said = translate(name, node, where) if name.startswith("ansible_") else {}
        for key, value in said.items():
            here = where is problems
            found[key] = value if here else replace(value, line=place.line, column=place.column, key=place.key)
    for name, (node, _) in variables.items():
        # What is encrypted is no playbook's to read: `secrets` gives it what it needs.
        if not name.startswith("ansible_") and not is_encrypted(node):
            free[name] = _plain(node)
    ssh = {key.removeprefix("ssh."): node for key, node in found.items() if key.startswith("ssh.")}
    entry = {key: node for key, node in found.items() if not key.startswith("ssh.")}
    for key, inner in (("ssh", ssh), ("vars", free)):
        if inner:
            entry[key] = place.with_value(inner)
    return entry


#: `gpu-01:2222`, `gpu-[01:04]:2222`, `[fd00::5]:2222`, as Ansible's YAML and INI have them.
_WITH_PORT = regex(r"(?P<host>\[[0-9A-Fa-f:.]+\]|(?:[^\[\]:]|\[[^\]]*\])+):(?P<port>[0-9]{1,5})")


def _port(written: str) -> tuple[str, str]:
    found = _WITH_PORT.fullmatch(written)
    host, port = (found["host"], found["port"]) if found else (written, "")
    return (host[1:-1] if re.fullmatch(r"\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*\]", host) else host), port


def _plain(node: YamlNode) -> YamlNode:
    """As Ansible has it: `no` is a truth value there. What is free of templates `ansible-inventory` writes in JSON as a
    mapping of one key."""
    if [*node.children] == ["__ansible_unsafe"]:
        return node.children["__ansible_unsafe"]
    if node.is_mapping:
        return node.with_value({key: _plain(child) for key, child in node.children.items()})
    if node.is_list:
        return node.with_value(tuple(map(_plain, node.value)))
    return node.with_value(node.text.lower() in ("yes", "on")) if is_ambiguous(node) else node


def _check_own(own: YamlNode, problems: Problems) -> None:
    if own.is_mapping:
        refuse_ambiguous(own, problems)
    elif own.value is not None:
        problems.value(own, f"should be a mapping of provision's settings, found `{own.text}`")


def _made(text: str, near: YamlNode, path: tuple[str, ...]) -> YamlNode:
    value: Any = text
    return YamlNode(value, near.line, near.column, path, near.key, text, True)
