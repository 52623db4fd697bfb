"""What is done here while the hosts are at work: begun after them, and never instead of their answers."""

from __future__ import annotations

import threading

import pytest
from cluster_samples import cluster

from provision.cluster.gather import POOL, fleet_of
from provision.core.errors import ScriptFailed
from provision.core.events import silent
from provision.inventory.models import Host

HOSTS = cluster().inventory.hosts


def test_the_hosts_are_at_work_meanwhile() -> None:
    here = threading.Event()

    def work(host: Host) -> str:
        assert here.wait(10), "nothing was done here until the hosts were done"
        return host.address

    with fleet_of(HOSTS, silent) as fleet:
        found = fleet.on_each(HOSTS, work, here.set)
    assert found == {host.name: host.address for host in HOSTS}


def test_a_host_that_fails_meanwhile_is_recorded_as_ever() -> None:
    def work(host: Host) -> str:
        if host is HOSTS[0]:
            raise ScriptFailed(host.name, "it went wrong")
        return host.address

    with fleet_of(HOSTS, silent) as fleet:
        assert set(fleet.on_each(HOSTS, work, lambda: None)) == {host.name for host in HOSTS[1:]}
    assert list(fleet.errors) == [HOSTS[0].name]


def test_a_mistake_made_here_waits_for_no_answer_and_is_raised() -> None:
    def mistake() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), fleet_of(HOSTS, silent) as fleet:
        fleet.on_each(HOSTS, lambda host: host.name, mistake)


def test_a_mistake_made_here_keeps_hosts_from_being_contacted_that_were_not_yet() -> None:
    many = [HOSTS[0].model_copy(update={"name": f"gpu-{number}"}) for number in range(3 * POOL)]
    begun: list[str] = []
    failed = threading.Event()

    def work(host: Host) -> str:
        begun.append(host.name)
        assert failed.wait(10)
        return host.name

    def mistake() -> None:
        raise ZeroDivisionError

    with fleet_of(many, silent) as fleet:
        with pytest.raises(ZeroDivisionError):
            fleet.on_each(many, work, mistake)
        failed.set()
    assert len(begun) <= POOL
