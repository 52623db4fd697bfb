"""A served model on three hosts, and everything in drifts.py, one at a time on a host: named, and nothing else is."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from clusters import Cluster, written
from drifts import DRIFTS, Drift, together

import provision
from provision.lab.demo import MODEL
from provision.lab.tiny_model import ANSWER, write_tiny_model
from provision.serving.smoke import chat

NAMES = ("lab-1", "lab-2", "lab-3")


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., Cluster], tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    folder = tmp_path_factory.mktemp("stack")
    write_tiny_model(folder / "layer" / MODEL.lstrip("/"))
    stack = {"model": MODEL, "tensor_parallel": 1, "pipeline_parallel": 3}
    return make_cluster("test-drifts", hosts=3, gpus=1, stack=stack, layers=(folder / "layer",))


def findings(report: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [(f["host"], f["area"], f["fact"], f["severity"]) for f in report["findings"]]


@contextmanager
def injected(cluster: Cluster, drift: Drift) -> Iterator[None]:
    host = cluster.host(drift.host)
    if drift.fault:
        host.fault(**drift.fault)
    if drift.edit[0]:
        old, new = (text.replace(f"@{drift.host}", host.address) for text in drift.edit)
        cluster.edit((old, new))
    try:
        if drift.do:
            done = host.exec(["sh", "-c", drift.do])
            assert done.returncode == 0, done.stderr
        yield
    finally:
        if drift.undo:
            host.exec(["sh", "-c", drift.undo])
        if drift.fault:
            host.fault(clear=True)
        cluster.edit()


def test_a_bare_host_is_told_what_it_lacks_and_nothing_is_written_there(cluster: Cluster) -> None:
    before = {name: written(cluster, name) for name in NAMES}
    result = cluster.provision("check")
    assert result.code == 3
    assert {f["severity"] for f in result.report["findings"]} == {"drift"}
    # vLLM is not said to be absent: it runs in the Ray that is.
    assert {(f["host"], f["fact"]) for f in result.report["findings"]} >= {("", "lock"), ("lab-1", "Ray head")}
    assert {name: written(cluster, name) for name in NAMES} == before


def test_a_sound_cluster_has_no_findings_of_any_severity(cluster: Cluster) -> None:
    up = cluster.provision("up")
    assert up.code == 0, up.stderr
    placed = dict(re.findall(r"  (lab-\d)  rank \d \(PP(\d) TP0\)", "\n".join(up.report["outcome"])))
    assert (set(placed), sorted(placed.values())) == ({*NAMES}, ["0", "1", "2"])
    check = cluster.provision("check")
    assert findings(check.report) == []
    assert check.code == 0


def test_nothing_has_changed_since_the_up_that_worked(cluster: Cluster) -> None:
    check = cluster.provision("check", "--since-up")
    assert check.report["since"]["changes"] == []
    assert check.code == 0


def test_no_row_is_left_out() -> None:
    assert sorted(drift.what for round in together() for drift in round) == sorted(drift.what for drift in DRIFTS)


@pytest.mark.parametrize("drifts", together(), ids=lambda drifts: " + ".join(drift.what for drift in drifts))
def test_each_drift_is_named_on_its_host_and_nothing_else(cluster: Cluster, drifts: tuple[Drift, ...]) -> None:
    with ExitStack() as every:
        for drift in drifts:
            every.enter_context(injected(cluster, drift))
        check = cluster.provision("check", *drifts[0].asked)
    assert sorted(findings(check.report)) == sorted((d.place, d.area, d.fact, d.severity) for d in drifts)
    assert check.code == (3 if {"blocks", "drift"} & {drift.severity for drift in drifts} else 0)
    for drift in drifts:
        (found,) = [found for found in check.report["findings"] if found["host"] == drift.place]
        assert found["why"] and found["hint"]
        assert drift.says in json.dumps(found, ensure_ascii=False)


def test_all_of_that_is_gone_again_and_the_model_still_answers(cluster: Cluster) -> None:
    check = cluster.provision("check")
    assert (findings(check.report), check.code) == ([], 0)
    assert chat(provision.load(cluster.inventory), "What are you?").text == ANSWER


def test_what_blocks_keeps_up_from_beginning(cluster: Cluster) -> None:
    before = {name: written(cluster, name) for name in NAMES}
    drift = next(d for d in DRIFTS if d.what == "row remapping failed")
    with injected(cluster, drift):
        result = cluster.provision("up")
    assert result.code == 1
    assert result.status("lab-2") == "blocked"
    assert {name: written(cluster, name) for name in NAMES} == before


def test_what_changed_since_a_snapshot_is_said_with_both_sides(cluster: Cluster, tmp_path: Path) -> None:
    kept = tmp_path / "monday.json"
    assert cluster.provision("check", "--save", str(kept)).code == 0
    leftpad = next(d for d in DRIFTS if d.fact == "leftpad")
    driver = Drift("", "drivers", "driver", "drift", host="lab-3", fault={"driver": "590.99.01"})
    with injected(cluster, leftpad), injected(cluster, driver):
        for option in (("--against", str(kept)), ("--since-up",)):
            check = cluster.provision("check", *option)
            assert check.code == 3
            changes = {(c["host"], c["fact"], c["before"], c["after"]) for c in check.report["since"]["changes"]}
            assert changes == {("lab-2", "leftpad", "", "1.0"), ("lab-3", "driver", "590.48.01", "590.99.01")}


def test_a_check_of_one_area_looks_at_nothing_else(cluster: Cluster) -> None:
    drift = next(d for d in DRIFTS if d.fact == "MTU")
    with injected(cluster, drift):
        assert cluster.provision("check", "--only", "drivers,packages").code == 0
        assert cluster.provision("check", "--only", "network").code == 3


@pytest.mark.parametrize("times", [4, pytest.param(40, marks=pytest.mark.long)])
def test_checks_in_a_row_agree_and_write_nothing(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(cluster.state))
    before = {name: written(cluster, name) for name in NAMES}
    inventory = provision.load(cluster.inventory)
    for _ in range(times):
        report = provision.check(inventory)
        assert (report.exit_code, report.findings) == (0, ())
    assert {name: written(cluster, name) for name in NAMES} == before
    assert chat(inventory, "What are you?").text == ANSWER
