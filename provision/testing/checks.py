"""The plugin of a session that has an inventory: its fixtures, and one test per host."""

from __future__ import annotations

import pytest
from testinfra.host import Host as TestinfraHost

from provision.core.errors import ProvisionError
from provision.inventory.models import Host, Inventory
from provision.testing.backend import ProvisionBackend
from provision.testing.session import ASKED, NODE, node_of, said


@pytest.fixture(scope="session")
def _provision_node(request: pytest.FixtureRequest) -> Host:
    node: Host = request.param
    return node


@pytest.fixture(scope="session")
def inventory(pytestconfig: pytest.Config) -> Inventory:
    """The inventory, as `provision.load` gives it."""
    return pytestconfig.stash[ASKED].inventory


@pytest.fixture(scope="session")
def node(_provision_node: Host) -> Host:
    """What the inventory says of the host: its role, address, variables."""
    return _provision_node


@pytest.fixture(scope="session")
def host(pytestconfig: pytest.Config, _provision_node: Host) -> TestinfraHost:
    """testinfra's host, connected as the inventory says: https://testinfra.readthedocs.io/en/latest/modules.html"""
    connections = pytestconfig.stash[ASKED].connections
    try:
        connections.session(_provision_node)
    except ProvisionError as error:
        pytest.fail(said(error), pytrace=False)
    backend = ProvisionBackend(_provision_node, connections)
    made = TestinfraHost(backend)
    backend.set_host(made)
    return made


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if NODE not in metafunc.fixturenames:
        return
    wanted = [set(mark.args) for mark in metafunc.definition.iter_markers("role")]
    asked = metafunc.config.stash[ASKED].hosts
    hosts = [host for host in asked if all(names & {host.role, *host.groups} for names in wanted)]
    metafunc.parametrize(NODE, hosts, ids=[host.name for host in hosts], indirect=True, scope="session")


def pytest_collection_finish(session: pytest.Session) -> None:
    connected = [item for item in session.items if "host" in getattr(item, "fixturenames", ())]
    nodes = {node.name: node for item in connected if (node := node_of(item))}
    session.config.stash[ASKED].connections.expect(nodes.values())


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[ASKED].connections.close()
