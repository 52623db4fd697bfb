"""What `up` and `check` say of who reaches the ports of the cluster, and what keeps a firewall from being set."""

from dataclasses import replace
from typing import Any

import pytest
from cluster_samples import cluster, facts

from provision.cluster.cluster import Cluster
from provision.core.finding import Known, Severity
from provision.core.outcome import Ended
from provision.core.playbook import Playbook
from provision.inventory.models import FirewallSettings, Serve
from provision.resources.firewall import FIREWALL, OPEN_PORTS, FirewallTable, shown
from provision.stack.closing import Everywhere, close, reach, tables


def of(settings: FirewallSettings | None = None, **made: Any) -> Cluster:
    found = cluster(serve=Serve(model="m"), **made)
    changed = found.inventory.model_copy(update={"firewall": settings or FirewallSettings()})
    return replace(found, inventory=changed)


def known(firewall: dict[str, str], ports: dict[str, str]) -> dict[str, tuple[Known, ...]]:
    return {
        host: tuple(
            Known("network", fact, cells[host])
            for fact, cells in ((FIREWALL, firewall), (OPEN_PORTS, ports))
            if host in cells
        )
        for host in ("gpu-01", "gpu-02")
    }


def says(firewall: dict[str, str], ports: dict[str, str], *, running: bool = False, made: Cluster | None = None) -> str:
    return "".join(reach(made or of(), running=running).lines(Ended(known(firewall, ports))))


PORTS = {"gpu-01": "9 on every address", "gpu-02": "7 on every address"}
ON = {"gpu-01": "on", "gpu-02": "on"}


def test_what_nothing_of_ours_closes_is_said_and_what_is_not_known_as_such() -> None:
    assert says({}, PORTS) == (
        "other hosts: nothing of ours keeps them from the ports of gpu-01, gpu-02 (9 on every address; 7 on every "
        "address), and whether something else does is not known"
    )


def test_what_a_firewall_of_ours_closes_is_said_with_who_reaches_the_api() -> None:
    kept = "other hosts: a firewall of ours keeps them from the ports of Ray and the ranks on gpu-01, gpu-02"
    assert says(ON, PORTS) == f"{kept}, and the model's API is open to everybody"
    narrow = of(FirewallSettings(api_from=("10.0.0.0/8",)))
    assert says(ON, PORTS, made=narrow) == f"{kept}, and the model's API is open to 10.0.0.0/8"


@pytest.mark.parametrize("state", ["off", "changed by hand", "unknown: that takes root, and nft"])
def test_one_that_is_not_as_it_was_set_keeps_nobody_out(state: str) -> None:
    said = says({**ON, "gpu-02": state}, PORTS)
    assert "keeps them from the ports of Ray and the ranks on gpu-01, the model's API is open" in said
    assert "nothing of ours keeps them from the ports of gpu-02 (7 on every address)" in said


def test_where_nothing_listens_there_is_nothing_to_say_of_it() -> None:
    assert says({}, {}) == ""
    assert says({}, {}, running=True) == (
        "other hosts: nothing of ours keeps them from the ports of gpu-01, gpu-02, and whether something else does is "
        "not known"
    )


def test_sockets_are_counted_by_where_they_listen() -> None:
    assert shown({"6379": "0.0.0.0", "8000": "10.0.0.1", "9": ":: 0.0.0.0"}) == "1 on 10.0.0.1, 2 on every address"


ROOT = {"uid": 0, "systemd": True}


def found(printed: str | None = "nft iptables \n", **more: Any) -> list[str]:
    said = {} if printed is None else {"packet filter": printed}
    made = of(head=facts("10.0.0.1", printed=said, **{**ROOT, **more}), worker=facts("10.0.0.2", printed=said, **ROOT))
    book = Playbook()
    close(made, book, wanted=True)
    assert all(f.severity is Severity.BLOCKS for f in book.findings)
    return [f"{f.host}: {f.message}" for f in book.findings]


def test_it_takes_root_and_nft() -> None:
    assert found() == []
    assert found(None) == []
    assert found(uid=1000) == ["gpu-01: its firewall can only be set by root"]
    assert found("iptables ufw \n") == [
        "gpu-01: there is no `nft` to set a firewall with; it has iptables ufw",
        "gpu-02: there is no `nft` to set a firewall with; it has iptables ufw",
    ]


def test_who_is_not_root_is_not_asked_unless_it_is_wanted() -> None:
    book = Playbook()
    assert close(of(), book, wanted=None) == []
    assert book.findings == []


def tables_of(wanted: bool | None) -> FirewallTable:
    book = Playbook()
    (first, _) = close(of(head=facts("10.0.0.1", **ROOT), worker=facts("10.0.0.2", **ROOT)), book, wanted=wanted)
    assert isinstance(first.resource, FirewallTable)
    return first.resource


def test_a_host_without_a_table_is_left_alone_unless_it_is_wanted() -> None:
    kept, wanted, unwanted = tables_of(None), tables_of(True), tables_of(False)
    assert kept.diff(None, kept.want()) == ()
    assert wanted.diff(None, wanted.want()) != ()
    assert unwanted.want() is None
    there = dict(wanted.want() or {})
    assert kept.diff(there, kept.want()) == wanted.diff(there, wanted.want()) == ()
    assert unwanted.diff(there, None) != ()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"table": "off"}, "table off → on"),
        ({"at boot": "not loaded"}, "at boot not loaded → loaded"),
        ({"addresses of gpu-03": "10.0.0.3"}, "addresses of gpu-03 10.0.0.3 → absent"),
        ({"closes": "6379"}, "closes 6379 →"),
        ({"leaves": "50051"}, "leaves 50051 → absent"),
    ],
)
def test_a_table_that_was_made_from_something_else_differs(changed: dict[str, str], said: str) -> None:
    kept = tables_of(None)
    (difference,) = kept.diff({**(kept.want() or {}), **changed}, kept.want())
    assert str(difference).startswith(said)


def test_of_hosts_outside_the_limit_the_addresses_may_be_others() -> None:
    made = of(head=facts("10.0.0.1", **ROOT), unknown=True)
    (step, _) = close(made, Playbook(), wanted=None)
    table = step.resource
    have = {**(table.want() or {}), "addresses of gpu-02": "10.0.0.2 10.0.0.22"}
    assert table.diff(have, table.want()) == ()
    assert "10.0.0.22" in str(table.fix(have, table.want()).vars["text"])


def test_a_host_that_lacks_what_the_others_have_is_drift() -> None:
    (finding,) = Everywhere(("gpu-01", "gpu-02"))(known({"gpu-01": "on"}, {}))
    assert (finding.host, finding.severity) == ("gpu-02", Severity.DRIFT)
    assert finding.hint == "`provision firewall --apply` sets it on every host"
    assert list(Everywhere(("gpu-01", "gpu-02"))(known({}, {}))) == []


def test_what_apply_carries_out_is_nothing_but_the_tables() -> None:
    book = tables(of(head=facts("10.0.0.1", **ROOT), worker=facts("10.0.0.2", **ROOT)))
    assert [step.key for step in book.steps] == [
        "gpu-01/firewall:provision_llama",
        "gpu-02/firewall:provision_llama",
        "gpu-01/open-ports",
        "gpu-02/open-ports",
    ]
