"""When `up` goes back by itself: for a model that it has stopped, unless somebody has stopped the run."""

from __future__ import annotations

import threading

import pytest

from provision.after.way_back import went_back
from provision.core.errors import Blocked, HostError, UsageError
from provision.core.exits import Exit
from provision.core.finding import Finding, blocker
from provision.core.plan import Mode, Plan, Stop
from provision.core.report import HostReport, Report
from provision.core.resource import Interruption

ERROR = HostError("gpu-01", "vLLM ended while it was starting")


REFUSED = Blocked("gpu-01", "vLLM does not accept its arguments")


def a_report(
    code: int = Exit.FAILED,
    *,
    serves: bool = True,
    blockers: tuple[Finding, ...] = (),
    done: tuple[str, ...] = (),
    error: HostError = ERROR,
) -> Report:
    stops = (Stop("gpu-01/service:vllm", "gpu-01", Interruption("vLLM", 3.0, serves)),)
    plan = Plan(Mode.UP, (), blockers, (), stops)
    host = HostReport("gpu-01", "failed", done, (error,), 1.0)
    return Report("up", Mode.UP, plan, (host,), errors=(error,), exit_code=code)


GOOD = Report("rollback", Mode.UP, None, (), outcome=("tiny answers at http://10.0.0.1:8000/v1",))


def test_the_run_has_failed_all_the_same_and_says_where_the_model_answers() -> None:
    report = went_back(a_report(), lambda: GOOD, None)
    assert (report.exit_code, report.errors, report.outcome) == (Exit.FAILED, (ERROR,), GOOD.outcome)


@pytest.mark.parametrize(
    "report",
    [
        a_report(Exit.DONE),
        a_report(Exit.UNREACHABLE),
        a_report(serves=False),
        a_report(blockers=(blocker("gpu-01", "a port is taken"),)),
        a_report(error=REFUSED, done=("environment 3f9c",)),
        Report("up", Mode.UP, None, ()),
    ],
)
def test_what_took_no_model_down_is_left_as_it_is(report: Report) -> None:
    def never() -> Report:
        raise AssertionError

    assert went_back(report, never, None) is report


def test_a_proof_that_fails_after_the_model_was_stopped_is_taken_back() -> None:
    report = a_report(error=REFUSED, done=("vLLM, stopped first",))
    assert went_back(report, lambda: GOOD, None).outcome == GOOD.outcome


def test_who_stops_the_run_wants_no_other() -> None:
    stopped = threading.Event()
    stopped.set()
    assert went_back(a_report(), lambda: GOOD, stopped).outcome == ()


def test_a_way_back_that_fails_as_well_is_told_with_both_errors() -> None:
    again = HostError("gpu-01", "no")
    report = went_back(a_report(), lambda: Report("rollback", Mode.UP, None, (), errors=(again,), exit_code=1), None)
    assert report.errors == (ERROR, again)

    def none_kept() -> Report:
        raise UsageError("no good start of `llama` is kept here")

    assert [str(error) for error in went_back(a_report(), none_kept, None).errors][1] == (
        "no good start of `llama` is kept here"
    )
