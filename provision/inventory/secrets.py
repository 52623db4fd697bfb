"""Reads secrets from where the inventory says they are."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from provision.core.errors import InventoryError, Problem
from provision.core.private import open_to_others
from provision.core.secret import Secret
from provision.inventory.models import Inventory, SecretSource
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems

#: Far above a token or a password; a larger file is another file than was meant.
MAX_SECRET = 64 * 1024


class SecretMissing(ValueError):
    """The source has no secret. `hint` can be typed."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def read_source(source: SecretSource, name: str) -> Secret:
    """Raises SecretMissing. A file's value ends before its final newline."""
    if source.env is not None:
        value = os.environ.get(source.env, "")
        if not value:
            state = "is empty" if source.env in os.environ else "is not set"
            raise SecretMissing(f"the environment variable `{source.env}` {state}", f"export {source.env}=…")
        return Secret(value, name)
    path = Path(str(source.file))
    if mode := open_to_others(path):
        raise SecretMissing(f"`{path}` is open to others (mode {mode})", f"chmod 600 {shlex.quote(str(path))}")
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_SECRET + 1)
    except OSError as error:
        raise SecretMissing(f"`{path}` cannot be read: {error.strerror}", "write the secret there, mode 0600") from None
    if len(raw) > MAX_SECRET:
        raise SecretMissing(f"`{path}` is larger than {MAX_SECRET} bytes", "name the file that holds the secret alone")
    try:
        value = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretMissing(f"`{path}` is not UTF-8 text", "name the file that holds the secret alone") from None
    value = value.removesuffix("\n").removesuffix("\r")
    if not value or "\0" in value:
        raise SecretMissing(f"`{path}` holds no secret", "write the secret there, mode 0600")
    return Secret(value, name)


def check_sources(root: YamlNode, problems: Problems, *, require: bool) -> None:
    """Each source names one place; with `require`, a secret is there."""
    named = root.find("secrets")
    sources = dict(named.children) if named is not None else {}
    if (sudo := root.find("sudo_password")) is not None and sudo.is_mapping:
        sources["sudo_password"] = sudo
    for name, node in sources.items():
        given = {key: child.text for key, child in node.children.items() if child.value is not None}
        if len(given) != 1 and problems.about(node):
            continue
        if len(given) != 1:
            found = "both" if given else "neither"
            message = f"should name either `env` or `file`, found {found}"
            problems.value(node, message, f"write `{{env: {name.upper()}}}` or `{{file: PATH}}`")
        elif require:
            try:
                read_source(SecretSource(**given), name)
            except SecretMissing as missing:
                problems.value(next(iter(node.children.values())), str(missing), missing.hint)


def read_secrets(inventory: Inventory) -> dict[str, Secret]:
    """By name. Raises InventoryError with every source that has no secret."""
    found: dict[str, Secret] = {}
    problems: list[Problem] = []
    for name, source in inventory.secrets.items():
        try:
            found[name] = read_source(source, name)
        except SecretMissing as missing:
            problems.append(Problem(str(inventory.path), 0, 0, f"secrets.{name}", str(missing), missing.hint))
    if problems:
        raise InventoryError(problems)
    return found


def read_sudo_password(inventory: Inventory) -> Secret | None:
    """None if the inventory names no source. Raises InventoryError if the source has none."""
    if inventory.sudo_password is None:
        return None
    try:
        return read_source(inventory.sudo_password, "sudo_password")
    except SecretMissing as missing:
        problem = Problem(str(inventory.path), 0, 0, "sudo_password", str(missing), missing.hint)
        raise InventoryError([problem]) from None
