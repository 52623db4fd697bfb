"""The same work on many hosts at once: what fails, and what a mistake of ours leaves alone."""

from __future__ import annotations

import threading

import pytest
from cluster_samples import cluster

from provision.cluster.gather import POOL, fleet_of
from provision.core.errors import ScriptFailed
from provision.core.events import silent
from provision.inventory.models import Host

HOSTS = cluster().inventory.hosts


def test_a_host_that_fails_is_recorded_and_the_others_go_on() -> None:
    def work(host: Host) -> str:
        if host is HOSTS[0]:
            raise ScriptFailed(host.name, "it went wrong")
        return host.address

    with fleet_of(HOSTS, silent) as fleet:
        assert set(fleet.on_each(HOSTS, work)) == {host.name for host in HOSTS[1:]}
    assert list(fleet.errors) == [HOSTS[0].name]


def test_a_mistake_keeps_hosts_from_being_contacted_that_were_not_yet() -> None:
    many = [HOSTS[0].model_copy(update={"name": f"gpu-{number}"}) for number in range(3 * POOL)]
    begun: list[str] = []
    raised = threading.Event()

    def work(host: Host) -> str:
        begun.append(host.name)
        if host is many[0]:
            raise ZeroDivisionError
        assert raised.wait(10)
        return host.name

    with fleet_of(many, silent) as fleet:
        with pytest.raises(ZeroDivisionError):
            fleet.on_each(many, work)
        raised.set()
    # The one that made it had left its place in the pool to another.
    assert len(begun) <= POOL + 1
