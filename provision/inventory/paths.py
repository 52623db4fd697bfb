"""Files of the controller that an inventory names: looked for, and made absolute where only this run needs them.

What the lock is made from (wheels, constraints) stays as written: a lock is the same on every controller."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from provision.core.private import open_to_others
from provision.inventory.files import existing_file, local_path
from provision.inventory.node import YamlNode
from provision.inventory.packages import is_file
from provision.inventory.problems import Problems


def resolve_paths(root: YamlNode, inventory: Path, problems: Problems, *, require: bool = True) -> YamlNode:
    """The tree with absolute paths. Relative ones start at the inventory's folder. `require`: what something is made
    from, or served with, must be there; otherwise only what a connection needs."""

    def private_key(node: YamlNode) -> YamlNode:
        if node.text.endswith(".pub"):
            hint = f"write `{node.text.removesuffix('.pub')}`"
            problems.value(node, f"`{node.text}` is the public key, SSH needs the private one", hint)
            return node
        if mode := open_to_others(path := local_path(node.text, inventory)):
            hint = f"chmod 600 {shlex.quote(str(path))}"
            problems.value(node, f"the key file `{node.text}` is open to others (mode {mode})", hint)
        return existing_file(node, inventory, problems, "key file")

    def certificate(node: YamlNode) -> YamlNode:
        if not require:
            return somewhere(node)
        return existing_file(node, inventory, problems, "certificate")

    def tls_key(node: YamlNode) -> YamlNode:
        if not require:
            return somewhere(node)
        if mode := open_to_others(path := local_path(node.text, inventory)):
            hint = f"chmod 600 {shlex.quote(str(path))}"
            problems.value(node, f"the key file `{node.text}` is open to others (mode {mode})", hint)
        return existing_file(node, inventory, problems, "key file")

    def ssh_config(node: YamlNode) -> YamlNode:
        return existing_file(node, inventory, problems, "ssh_config file")

    def somewhere(node: YamlNode) -> YamlNode:
        return node.with_text(str(local_path(node.text, inventory)))

    def playbook(node: YamlNode) -> YamlNode:
        if not node.text.endswith(".py"):
            problems.value(
                node, f"`{node.text}` is no Python file, which a playbook is", "name a file such as `mine.py`"
            )
        return somewhere(node)

    def requirements(node: YamlNode) -> YamlNode:
        if require and is_file(node.text):
            existing_file(node, inventory, problems, "requirements file")
        return node

    def link(node: YamlNode) -> YamlNode:
        if require and "://" not in node.text and not local_path(node.text, inventory).is_dir():
            problems.value(node, f"the folder `{node.text}` does not exist", "name a folder with wheels, or a URL")
        return node

    per_host = {("ssh", "key"): private_key, ("ssh", "config"): ssh_config, ("ssh", "known_hosts"): somewhere}
    for path, change in per_host.items():
        root = _at(root, path, change)
        for section in ("groups", "hosts"):
            root = _at(root, (section, "*", *path), change)
    for kind in ("file", "vault", "sops", "password_file"):
        root = _at(root, ("secrets", "*", kind), somewhere)
        root = _at(root, ("sudo_password", kind), somewhere)
        root = _at(root, ("proxy", "password", kind), somewhere)
    root = _at(root, ("serve", "weights", "path"), somewhere)
    root = _at(root, ("serve", "tls", "cert"), certificate)
    root = _at(root, ("serve", "tls", "key"), tls_key)
    root = _at(root, ("playbook",), playbook)
    root = _at(root, ("python", "find_links", "*"), link)
    for key in ("constraints", "overrides"):
        root = _at(root, ("python", key, "*"), requirements)
    return root


def _at(node: YamlNode, path: tuple[str, ...], change: Callable[[YamlNode], YamlNode]) -> YamlNode:
    """The tree with `change` applied at `path`, where it exists; `*` is every member."""
    if not path:
        return change(node) if node.is_scalar and node.value is not None else node
    first, *rest = path
    if node.is_list and first == "*":
        return node.with_value(tuple(_at(item, tuple(rest), change) for item in node.value))
    keys = list(node.children) if first == "*" else [first] if first in node.children else []
    if not keys:
        return node
    return node.with_value({**node.children, **{k: _at(node.children[k], tuple(rest), change) for k in keys}})
