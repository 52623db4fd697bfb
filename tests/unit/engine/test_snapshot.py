import json
from dataclasses import replace
from pathlib import Path

import pytest

from provision.core.errors import SnapshotError
from provision.core.finding import Known
from provision.core.plan import Mode
from provision.core.report import WHOLE_AREA, Changed, HostReport, Report
from provision.engine import snapshot
from provision.engine.snapshot import Snapshot, load, must_be_writable, save, since, take

SOUND = (
    Known("drivers", "driver", "580.65.06"),
    Known("packages", "torch", "2.14.0"),
    Known("storage", "disk free", "812 GiB", lasting=False),
)


def report(**known: tuple[Known, ...]) -> Report:
    return Report("check", Mode.CHECK, None, (), known=known)


def before(**known: tuple[Known, ...]) -> Snapshot:
    return take(known, "llama", 1_763_000_000.0)


def test_what_was_saved_is_what_is_loaded(tmp_path: Path) -> None:
    kept = before(gpu_01=SOUND)
    save(kept, tmp_path / "monday.json")
    assert load(tmp_path / "monday.json") == kept
    assert [path.name for path in tmp_path.iterdir()] == ["monday.json"]


def test_nothing_has_changed_since_a_moment_ago() -> None:
    assert since(before(gpu_01=SOUND), report(gpu_01=SOUND), source="x").changes == ()


def test_each_lasting_fact_that_is_another_one_is_named_with_both_sides() -> None:
    now = (
        Known("drivers", "driver", "580.82.07"),
        Known("packages", "numpy", "2.3.1"),
        Known("storage", "disk free", "3 GiB", lasting=False),
        Known("packages", "torch", "2.14.0"),
    )
    found = since(before(gpu_01=SOUND, gpu_02=SOUND), report(gpu_01=SOUND, gpu_02=now), source="x")
    assert found.changes == (
        Changed("gpu_02", "drivers", "driver", "580.65.06", "580.82.07"),
        Changed("gpu_02", "packages", "numpy", "", "2.3.1"),
    )


def test_a_package_that_is_gone_is_a_change() -> None:
    found = since(before(a=(*SOUND, Known("packages", "numpy", "2.3.1"))), report(a=SOUND), source="x")
    assert found.changes == (Changed("a", "packages", "numpy", "2.3.1", ""),)


def test_an_area_that_cannot_be_read_any_more_is_one_change_and_not_one_for_each_fact() -> None:
    found = since(before(a=(*SOUND, Known("drivers", "CUDA", "13.0"))), report(a=SOUND[1:]), source="x")
    assert found.changes == (Changed("a", "drivers", WHOLE_AREA, "2 facts", ""),)


def test_what_was_not_looked_at_has_not_changed() -> None:
    known = report(a=(Known("packages", "torch", "2.14.1"),))
    found = since(before(a=SOUND), known, source="x", areas=["packages"])
    assert [change.fact for change in found.changes] == ["torch"]


def test_a_host_that_is_new_or_was_not_reached_has_not_changed() -> None:
    hosts = tuple(HostReport(name, "ok", (), (), 1.0) for name in ("new", "old", "same"))
    seen = replace(report(new=SOUND, same=SOUND), hosts=hosts)
    found = since(before(old=SOUND, same=SOUND), seen, source="x")
    assert (found.changes, found.compared, found.missed) == ((), ("same",), ("new", "old"))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '"text"', "{}", '{"v": 1}', '{"v": 1, "taken": "x", "cluster": "a", "hosts": {}}',
     '{"v": 1, "taken": 1, "cluster": "a", "hosts": {"a": {"drivers": "580"}}}', "\ud800", "[" * 100_000,
     '{"v": 1, "taken": NaN, "cluster": "a", "hosts": {}}', '{"v": 1, "taken": 1e300, "cluster": "a", "hosts": {}}'],
)  # fmt: skip
def test_what_is_no_snapshot_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "some.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(SnapshotError, match=r"some\.json"):
        load(path)


def test_a_snapshot_of_another_version_says_so(tmp_path: Path) -> None:
    path = tmp_path / "old.json"
    path.write_text(json.dumps({"v": 99, "taken": 1, "cluster": "a", "hosts": {}}))
    with pytest.raises(SnapshotError, match="version 99"):
        load(path)


def test_a_missing_snapshot_says_who_makes_one(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError) as error:
        load(tmp_path / "none.json")
    assert "check --save" in error.value.hint
    assert error.value.exit_code == 2


def test_a_place_that_cannot_be_written_to_is_named_before_anything_else(tmp_path: Path) -> None:
    must_be_writable(tmp_path / "fine.json")
    for path in (tmp_path, tmp_path / "nowhere" / "x.json"):
        with pytest.raises(SnapshotError):
            must_be_writable(path)


def test_the_snapshot_of_the_last_up_lies_with_what_is_kept_of_the_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path))
    assert snapshot.last_up("llama") == tmp_path / "llama" / "last-up.json"
