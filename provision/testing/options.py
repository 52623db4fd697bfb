"""The plugin's options, and what a session with an inventory begins with. Loaded in every pytest session of its
environment, so that it imports nothing before it is asked for something."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from provision.inventory.models import Host, Inventory

#: What to type where testinfra is missing.
INSTALL = "pip install 'provision-llm[testing]'"


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    config: Any = pluginmanager.get_plugin("pytestconfig")
    asked = config.invocation_params.args
    group = parser.getgroup("provision", "checks of the hosts of a provision inventory")
    group.addoption(
        *_names("inventory", asked),
        dest="provision_inventory",
        metavar="FILE",
        help="an inventory: `host` is each of its hosts; on the command line also as --inventory",
    )
    group.addoption(
        *_names("inventory-limit", asked),
        dest="provision_limit",
        metavar="PATTERN",
        action="append",
        default=[],
        help="only these hosts: names, groups or roles, with * and commas; also as --inventory-limit",
    )
    group.addoption("--provision-results", metavar="FILE", help="append each result to FILE, as a line of JSON")
    group.addoption("--provision-sudo-password-fd", metavar="N", type=int, help="read the sudo password from there")


def _names(option: str, asked: Sequence[str]) -> tuple[str, ...]:
    """The short name exists only in a session that uses it: pytest refuses a name that two define, and this plugin
    must not end somebody else's session whose conftest.py, or pytest-ansible, has an `--inventory` of its own."""
    long, short = f"--provision-{option}", f"--{option}"
    used = any(word.partition("=")[0] == short for word in asked)
    return (long, short) if used and find_spec("pytest_ansible") is None else (long,)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "role(name, ...): run on the inventory's hosts of that role or group only")
    named = config.getoption("provision_inventory")
    if named is None:
        return
    from provision.core.errors import ProvisionError

    try:
        inventory, hosts = _chosen(config, named)
        _begin(config, inventory, hosts)
    except ProvisionError as error:
        import pytest

        from provision.testing.session import said

        raise pytest.UsageError(said(error)) from error


def _chosen(config: pytest.Config, named: str) -> tuple[Inventory, tuple[Host, ...]]:
    from provision.inventory import load
    from provision.inventory.limit import select

    inventory = load(_from_where_pytest_began(config, named), require_secrets=False)
    names = select(inventory, config.getoption("provision_limit"), option="--inventory-limit")
    return inventory, tuple(host for host in inventory.hosts if not names or host.name in names)


def _begin(config: pytest.Config, inventory: Inventory, hosts: tuple[Host, ...]) -> None:
    from provision.core.errors import UsageError
    from provision.inventory import read_sudo_password

    for option in ("hosts", "connection", "ansible_inventory"):
        if config.getoption(option, None):
            name = option.replace("_", "-")
            raise UsageError(
                f"--inventory and testinfra's --{name} contradict each other", hint="leave one of them out"
            )
    if find_spec("testinfra") is None:
        raise UsageError("testinfra is not installed, which `host` is made of", hint=INSTALL)
    from provision.testing import checks
    from provision.testing.connections import Connections
    from provision.testing.session import ASKED, SessionScope
    from provision.transport.handover import take

    given = config.getoption("provision_sudo_password_fd")
    password = read_sudo_password(inventory) if given is None else take(given, "sudo_password")
    connections = Connections(hosts, password)
    config.stash[ASKED] = SessionScope(inventory, hosts, connections)
    config.pluginmanager.register(checks, "provision-checks")
    if results := config.getoption("provision_results"):
        from provision.testing.recorder import Recorder

        path = _from_where_pytest_began(config, results)
        config.pluginmanager.register(Recorder(path, connections), "provision-recorder")


def _from_where_pytest_began(config: pytest.Config, named: str) -> Path:
    """A path of the command line; pytest may have gone elsewhere since. Relative where it can be, for messages."""
    path = Path(named)
    return path if path.exists() else config.invocation_params.dir / path
