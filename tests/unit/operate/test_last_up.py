"""The last `up` of this machine is read from its own log, as that is written."""

from pathlib import Path

import pytest

from provision.core.events import Note, Output, RunDone, RunStarted, StepDone
from provision.core.exits import Exit
from provision.core.plan import Action
from provision.operate.last_up import last_up
from provision.render.log import RunLog, log_dir


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path))


def began(cluster: str = "llama") -> RunLog:
    log = RunLog(log_dir(cluster), "up")
    log.handle(RunStarted("", "up", cluster, ("gpu-01",)), 0.0)
    return log


def test_what_it_changed_and_how_it_ended() -> None:
    log = began()
    log.handle(Output("gpu-01", "x StepDone step='a' label='no change'", "stdout"), 0.0)
    log.handle(StepDone("gpu-01", "gpu-01/venv", "environment cc966a11bea6", Action.CREATE, 1.0), 0.0)
    log.handle(Note("", "a note"), 0.0)
    log.handle(RunDone("", Exit.NO, 2.0), 0.0)
    log.end()
    RunLog(log_dir("llama"), "check").end()
    seen = last_up("llama")
    assert seen is not None
    assert (seen.exit_code, seen.changes) == (Exit.NO, (("gpu-01", "environment cc966a11bea6"),))


def test_one_that_has_not_ended_has_no_exit_code_and_another_cluster_has_none() -> None:
    began().end()
    seen = last_up("llama")
    assert seen is not None and seen.exit_code is None and seen.changes == ()
    assert last_up("other") is None


def test_a_name_that_holds_no_date_is_passed_over() -> None:
    log = began()
    log.end()
    (log.path.parent / "99999999T999999.000Z-up.log").touch()
    assert last_up("llama") is not None


def test_one_that_contacted_no_host_is_not_the_last_of_them() -> None:
    """As one whose playbook could not be loaded: it ended with an error, and was not cut off."""
    log = began()
    log.handle(RunDone("", Exit.DONE, 2.0), 1.0)
    log.end()
    broken = RunLog(log_dir("llama"), "up")
    broken.traceback(ValueError("no such playbook"))
    broken.end()
    seen = last_up("llama")
    assert seen is not None and seen.exit_code == Exit.DONE
    RunLog(log_dir("other"), "up").end()
    assert last_up("other") is None
