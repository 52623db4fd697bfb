"""The inventory: one YAML file that names the hosts, how to reach them, and what the cluster should be.

`load` gives an `Inventory` or raises `InventoryError` with every mistake and where it stands. Nothing heavy
is imported before something is used: `provision --help` does not pay for pydantic and yaml.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provision.inventory.models import Expect as Expect
    from provision.inventory.models import Host as Host
    from provision.inventory.models import Inventory as Inventory
    from provision.inventory.models import Python as Python
    from provision.inventory.models import Ray as Ray
    from provision.inventory.models import SecretSource as SecretSource
    from provision.inventory.models import Serve as Serve
    from provision.inventory.models import Ssh as Ssh
    from provision.inventory.reader import load as load
    from provision.inventory.schema import json_schema as json_schema
    from provision.inventory.secrets import read_proxy_password as read_proxy_password
    from provision.inventory.secrets import read_secrets as read_secrets
    from provision.inventory.secrets import read_sudo_password as read_sudo_password

_HOME = {
    "load": "reader",
    "json_schema": "schema",
    "read_proxy_password": "secrets",
    "read_secrets": "secrets",
    "read_sudo_password": "secrets",
    **dict.fromkeys(("Expect", "Host", "Inventory", "Python", "Ray", "SecretSource", "Serve", "Ssh"), "models"),
}

__all__ = [*_HOME]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
