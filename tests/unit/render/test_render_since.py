from datetime import timezone

from check_samples import some_changes

from provision.core.report import WHOLE_AREA, Changed, Since
from provision.render.since import since_lines

DAY = 86_400.0


def test_what_has_changed_is_told_with_when_and_where() -> None:
    changes = some_changes()
    assert since_lines(changes, changes.taken + 3 * DAY, zone=timezone.utc) == [
        "since 3 days (2026-11-18 11:06, cluster/last-up.json):",
        "  driver 580.65.06 → 580.82.07 on gpu-02",
        "  torch 2.14.0 → 2.14.1 on gpu-01, gpu-02",
        "  flashinfer absent → 0.5.1 on gpu-03",
    ]


def test_that_nothing_has_changed_is_said() -> None:
    same = Since(1_795_000_000.0, "last up", ())
    assert since_lines(same, same.taken + 60 * 30, zone=timezone.utc) == [
        "since 30 minutes (2026-11-18 11:06, last up): nothing has changed"
    ]


def test_an_area_that_went_blind_is_named() -> None:
    gone = Since(0.0, "last up", (Changed("gpu-02", "gpus", WHOLE_AREA, "21 facts", ""),))
    assert since_lines(gone, 0.0, zone=timezone.utc)[1:] == [
        "  gpus: all that was known (21 facts) no longer found on gpu-02"
    ]


def test_a_snapshot_of_a_clock_that_was_ahead_has_no_age() -> None:
    same = Since(1_795_000_000.0, "last up", ())
    assert since_lines(same, same.taken - 60 * DAY, zone=timezone.utc) == [
        "since 2026-11-18 11:06, by a clock that was ahead of this machine's (last up): nothing has changed"
    ]


def test_what_could_not_be_compared_is_not_said_to_be_unchanged() -> None:
    none = Since(1_795_000_000.0, "last up", (), (), ("gpu-01", "gpu-02"))
    assert since_lines(none, none.taken + 3 * DAY, zone=timezone.utc) == [
        "since 3 days (2026-11-18 11:06, last up): gpu-01, gpu-02 could not be compared"
    ]
    some = Since(1_795_000_000.0, "last up", (), ("gpu-01",), ("gpu-02",))
    (line,) = since_lines(some, some.taken + 3 * DAY, zone=timezone.utc)
    assert line.endswith(": nothing has changed on gpu-01; gpu-02 could not be compared")
    changes = (Changed("gpu-01", "drivers", "driver", "1", "2"),)
    lines = since_lines(Since(1_795_000_000.0, "last up", changes, ("gpu-01",), ("gpu-02",)), 1_795_000_000.0)
    assert lines[1:] == ["  driver 1 → 2 on gpu-01", "  not compared: gpu-02"]
