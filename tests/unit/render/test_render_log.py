from datetime import datetime, timezone
from pathlib import Path

import pytest
from render_samples import a_report, a_run

from provision.core.paths import cluster_dir, state_dir
from provision.render.log import KEEP, RunLog, log_dir

NOON = datetime(2026, 11, 20, 12, 0, 0, tzinfo=timezone.utc)


def test_a_log_holds_every_event_and_all_output(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "logs", "up", NOON)
    for event in a_run():
        log.handle(event, 0)
    log.end()
    text = log.path.read_text()
    assert log.path.name == "20261120T120000.000Z-up.log"
    assert "1970-01-01T00:00:00.000Z gpu-01 | Installed 169 packages" in text
    assert "gpu-03/thing:vllm is as wanted" in text
    assert "gpu-02 hint: free 20 GB in /opt" in text
    assert "- RunDone exit_code=1 seconds=41.2" in text


def test_a_log_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "logs", "up", NOON)
    log.end()
    assert log.path.stat().st_mode & 0o777 == 0o600
    assert log.path.parent.stat().st_mode & 0o777 == 0o700


def test_a_log_holds_the_tracebacks_of_what_failed(tmp_path: Path) -> None:
    log = RunLog(tmp_path, "up", NOON)
    try:
        raise KeyError("gone")
    except KeyError as error:
        log.traceback(error)
    log.report(a_report())
    log.end()
    assert "test_render_log.py" in log.path.read_text()
    assert "ScriptFailed: gpu-02: vllm: failed" in log.path.read_text()


def test_the_last_logs_are_kept_and_older_ones_go(tmp_path: Path) -> None:
    for number in range(KEEP + 5):
        (tmp_path / f"20250101T0000{number:02}.000Z-up.log").touch()
    log = RunLog(tmp_path, "up", NOON)
    log.end()
    kept = sorted(p.name for p in tmp_path.iterdir())
    assert len(kept) == KEEP
    assert kept[0] == "20250101T000006.000Z-up.log"
    assert kept[-1] == log.path.name


def test_the_log_of_a_clock_that_was_set_back_is_not_the_first_to_go(tmp_path: Path) -> None:
    for number in range(KEEP + 5):
        (tmp_path / f"20991231T0000{number:02}.000Z-up.log").touch()
    log = RunLog(tmp_path, "up", NOON)
    log.end()
    assert log.path.exists() and len(list(tmp_path.iterdir())) == KEEP + 1


def test_two_runs_of_one_moment_have_a_log_each(tmp_path: Path) -> None:
    first, second = RunLog(tmp_path, "up", NOON), RunLog(tmp_path, "up", NOON)
    first.end()
    second.end()
    assert first.path != second.path


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"PROVISION_STATE_DIR": "/s", "XDG_STATE_HOME": "/x"}, "/s"),
        ({"XDG_STATE_HOME": "/x"}, "/x/provision"),
        ({"XDG_STATE_HOME": "relative"}, str(Path.home() / ".local/state/provision")),
        ({}, str(Path.home() / ".local/state/provision")),
    ],
)
def test_the_state_folder_follows_the_environment(environ: dict[str, str], expected: str) -> None:
    assert str(state_dir(environ)) == expected
    assert str(cluster_dir("llama", environ)) == f"{expected}/llama"


def test_a_run_without_a_cluster_has_a_folder_no_cluster_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", "/s")
    assert [str(log_dir(c)) for c in ("llama", "")] == ["/s/llama/logs", "/s/_none/logs"]
