"""Reads secrets from where the inventory says they are.

Commands, and the programs that decrypt, are run only by `read_secrets` and `read_sudo_password`, never when an
inventory is merely loaded: who looks at an inventory from elsewhere must not run it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from provision.core.errors import InventoryError, Problem
from provision.core.private import open_to_others
from provision.core.reading import read_given
from provision.core.secret import Secret
from provision.core.token_forms import TOKENS
from provision.inventory.models import Inventory, SecretSource
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems, listing
from provision.inventory.programs import ProgramFailed
from provision.inventory.secret_programs import told

#: Far above a token or a password; a larger file is another file than was meant.
MAX_SECRET = 64 * 1024


class SecretMissing(ValueError):
    """The source has no secret. `hint` can be typed."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def read_source(source: SecretSource, name: str, folder: Path) -> Secret:
    """Raises SecretMissing. A value ends before its final newline. `folder`: where programs are run."""
    if source.env is not None:
        value = os.environ.get(source.env, "")
        if not value:
            state = "is empty" if source.env in os.environ else "is not set"
            raise SecretMissing(f"the environment variable `{source.env}` {state}", f"export {source.env}=…")
        return Secret(value, name)
    if source.file is None:
        return _value(
            _from_program(source, folder), name, "what the program prints", "what it should print is one secret"
        )
    path = Path(source.file)
    if mode := open_to_others(path):
        raise SecretMissing(f"`{path}` is open to others (mode {mode})", f"chmod 600 {shlex.quote(str(path))}")
    try:
        raw = read_given(path, MAX_SECRET + 1)
    except OSError as error:
        raise SecretMissing(f"`{path}` cannot be read: {error.strerror}", "write the secret there, mode 0600") from None
    return _value(raw, name, f"`{path}`", "name the file that holds the secret alone, mode 0600")


def _from_program(source: SecretSource, folder: Path) -> bytes:
    try:
        return told(source, folder, MAX_SECRET)
    except ProgramFailed as error:
        raise SecretMissing(str(error), error.hint) from None


def _value(raw: bytes, name: str, what: str, hint: str) -> Secret:
    if len(raw) > MAX_SECRET:
        raise SecretMissing(f"{what} is larger than {MAX_SECRET} bytes", hint)
    try:
        value = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise SecretMissing(f"{what} is not UTF-8 text", hint) from None
    value = value.removesuffix("\n").removesuffix("\r")
    if not value or "\0" in value:
        raise SecretMissing(f"{what} holds no secret", hint)
    return Secret(value, name)


def check_sources(root: YamlNode, problems: Problems, *, require: bool) -> None:
    """Each source names one place; with `require`, a secret is there, as far as that can be told without a program."""
    named = root.find("secrets")
    sources = dict(named.children) if named is not None else {}
    if (sudo := root.find("sudo_password")) is not None and sudo.is_mapping:
        sources["sudo_password"] = sudo
    if (proxy := root.find("proxy", "password")) is not None and proxy.is_mapping:
        sources["proxy_password"] = proxy
    for name, node in sources.items():
        given = {key: child.text for key, child in node.children.items() if child.value is not None}
        places = [place for place in SecretSource.PLACES if place in given]
        if len(places) != 1 and problems.about(node):
            continue
        if len(places) != 1:
            found = listing(places, "and") if places else "none"
            message = f"should name one of {listing(SecretSource.PLACES, 'and')}, found {found}"
            problems.value(node, message, f"write `{{env: {name.upper()}}}` or `{{file: PATH}}`")
        elif places[0] in ("env", "file") and TOKENS.search(given[places[0]]) and not _is_file(places[0], given):
            said = f"what stands behind `{places[0]}` looks like the secret itself"
            problems.value(node.children[places[0]], said, f"name where it is: `{{env: {name.upper()}}}`")
        elif lost := [key for key, of in _DECRYPTS.items() if key in given and places[0] not in of]:
            problems.key(
                node.children[lost[0]], f"`{lost[0]}` is for {listing(_DECRYPTS[lost[0]], 'and')}", "remove it"
            )
        elif require and places[0] in ("env", "file"):
            try:
                read_source(SecretSource(**given), name, Path())
            except SecretMissing as missing:
                problems.value(node.children[places[0]], str(missing), missing.hint)


def _is_file(place: str, given: Mapping[str, str]) -> bool:
    """Whether what reads like a token is the name of a file that is there."""
    with suppress(OSError):
        return place == "file" and Path(given["file"]).exists()
    return False


#: What says more about a place → the places that it is for.
_DECRYPTS = {"key": ("vault", "sops"), "password_file": ("vault",)}


def read_secrets(inventory: Inventory) -> dict[str, Secret]:
    """By name. Raises InventoryError with every source that has no secret."""
    found, problems = _read(inventory)
    if problems:
        raise InventoryError(problems)
    return found


def readable_secrets(inventory: Inventory) -> dict[str, Secret]:
    """Those whose source has one here: what only looks masks these, and does without the others."""
    return _read(inventory)[0]


def _read(inventory: Inventory) -> tuple[dict[str, Secret], list[Problem]]:
    found: dict[str, Secret] = {}
    problems: list[Problem] = []
    for name, source in inventory.secrets.items():
        try:
            found[name] = read_source(source, name, inventory.path.parent)
        except SecretMissing as missing:
            problems.append(Problem(str(inventory.path), 0, 0, f"secrets.{name}", str(missing), missing.hint))
    return found, problems


def read_proxy_password(inventory: Inventory) -> Secret | None:
    """As read_sudo_password."""
    proxy = inventory.proxy
    return _password(inventory, proxy.password if proxy else None, "proxy.password")


def read_sudo_password(inventory: Inventory) -> Secret | None:
    """None if the inventory names no source. Raises InventoryError if the source has none."""
    return _password(inventory, inventory.sudo_password, "sudo_password")


def _password(inventory: Inventory, source: SecretSource | None, name: str) -> Secret | None:
    if source is None:
        return None
    try:
        return read_source(source, name, inventory.path.parent)
    except SecretMissing as missing:
        problem = Problem(str(inventory.path), 0, 0, name, str(missing), missing.hint)
        raise InventoryError([problem]) from None
