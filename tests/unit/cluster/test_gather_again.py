"""Secrets that live with the cluster are asked for in short, and in full where the answers leave something open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from cluster_samples import cluster

from provision.cluster.gather import fleet_of, gather_facts
from provision.core.events import silent
from provision.core.kept import KeptOnHosts
from provision.core.script import Fragment, Script
from provision.core.secret import Secret
from provision.inventory.models import Host
from provision.transport.connect import Transport

INVENTORY = cluster().inventory


class Session:
    lease = None

    def run(self, scripts: Sequence[Script]) -> list[Fragment]:
        return [
            Fragment(0, f"{script.body.splitlines()[0]}\n" if len(script.body) < 10 else "", "") for script in scripts
        ]


class Kept(KeptOnHosts):
    def __init__(self, different: str) -> None:
        self.different, self.asked = different, list[str]()

    def question(self, host: str, root: str) -> Script:
        return Script("short")

    def unsettled(self, answers: Mapping[str, Fragment]) -> bool:
        self.asked += sorted(answers)
        return bool(self.different)

    def whole_question(self, host: str, root: str) -> Script:
        return Script("full")

    def settle(self, answers: Mapping[str, Fragment]) -> Mapping[str, Secret]:
        raise AssertionError("that is for whoever gathers")


@pytest.mark.parametrize("different", ["", "yes"])
def test_all_are_asked_in_full_once_it_is_known_that_it_matters(
    monkeypatch: pytest.MonkeyPatch, different: str
) -> None:
    def connect(_: Transport, host: Host) -> Session:
        return Session()

    monkeypatch.setattr(Transport, "connect", connect)
    kept = Kept(different)
    with fleet_of(INVENTORY.hosts, silent) as fleet:
        assert len(gather_facts(fleet, INVENTORY, kept=kept)) == len(INVENTORY.hosts)
    assert not fleet.all_errors
    assert {said.stdout for said in fleet.held.values()} == {"full\n" if different else "short\n"}
    assert kept.asked == sorted(host.name for host in INVENTORY.hosts)
