"""What becomes of the results of a person's own tests."""

from dataclasses import replace
from pathlib import Path

import pytest

from provision.core.finding import Finding, Known, Severity
from provision.core.plan import Mode
from provision.core.report import HostReport, Report
from provision.testing.fold import Results, folded, with_tests
from provision.testing.results import Outcome, Result

REPORT = Report("check", Mode.CHECK, None, tuple(HostReport(f"gpu-0{n}", "ok", (), (), 1.0) for n in (1, 2)))


def result(
    outcome: Outcome, host: str = "gpu-01", test: str = "a.py::test_a", message: str = "assert 4 == 8"
) -> Result:
    return Result(outcome, f"{test}[{host}]", test, host, message, ("E   assert 4 == 8",), "")


def fold(*results: Result) -> Results:
    return folded(results, Path("inventory.yaml"), Path("my tests"))


def test_a_failed_test_is_drift_on_its_host_and_says_how_to_run_it_again() -> None:
    [finding] = fold(result(Outcome.FAILED)).findings
    assert (finding.host, finding.area, finding.fact) == ("gpu-01", "tests", "a.py::test_a")
    assert finding.severity is Severity.DRIFT
    assert finding.message == "a.py::test_a failed: assert 4 == 8"
    assert finding.hint == "pytest --inventory inventory.yaml 'my tests/a.py::test_a[gpu-01]'"


def test_a_test_that_passed_is_known_and_no_finding() -> None:
    results = fold(result(Outcome.PASSED))
    assert results == Results((), {"gpu-01": (Known("tests", "a.py::test_a", "passed"),)})


def test_a_test_that_fails_twice_on_the_way_out_is_one_finding() -> None:
    results = fold(result(Outcome.FAILED), result(Outcome.ERROR, message="clearing up failed too"))
    assert [finding.found for finding in results.findings] == ["assert 4 == 8"]


def test_a_test_that_passed_and_could_not_clear_up_has_not_passed() -> None:
    results = fold(result(Outcome.PASSED), result(Outcome.ERROR))
    assert len(results.findings) == 1
    assert results.known["gpu-01"] == (Known("tests", "a.py::test_a", "failed"),)


def test_a_host_where_no_test_can_run_is_one_finding_whatever_the_number_of_tests() -> None:
    results = fold(*(result(Outcome.CLOSED, test=f"a.py::test_{n}", message="sudo refused") for n in range(9)))
    assert [finding.message for finding in results.findings] == ["no test could run: sudo refused"]
    assert results.known == {}


def test_a_test_that_asks_for_no_host_concerns_the_cluster() -> None:
    results = fold(result(Outcome.FAILED, host=""))
    assert [finding.host for finding in results.findings] == [""]
    assert results.known == {}


def test_an_assertion_as_long_as_a_page_is_cut_to_a_cell() -> None:
    [finding] = fold(result(Outcome.FAILED, message="x" * 9999)).findings
    assert len(finding.found) == 200


@pytest.mark.parametrize(("before", "after"), [(0, 3), (1, 1), (3, 3), (4, 4)])
def test_a_failed_test_makes_the_exit_code_3_unless_something_worse_did(before: int, after: int) -> None:
    report = replace(REPORT, exit_code=before)
    assert with_tests(report, fold(result(Outcome.FAILED))).exit_code == after
    assert with_tests(report, fold(result(Outcome.PASSED))).exit_code == before


def test_what_was_found_before_stays_and_the_worst_comes_first() -> None:
    driver = Finding("gpu-02", "drivers", "driver", Severity.BLOCKS)
    mtu = Finding("gpu-01", "network", "MTU", Severity.WARNING)
    known = Known("drivers", "driver", "580.65.06")
    report = replace(REPORT, findings=(driver, mtu), known={"gpu-01": (known,)}, exit_code=3)
    after = with_tests(report, fold(result(Outcome.FAILED)))
    assert [finding.fact for finding in after.findings] == ["driver", "a.py::test_a", "MTU"]
    assert after.known == {"gpu-01": (known, Known("tests", "a.py::test_a", "failed"))}


def test_a_host_that_the_report_names_as_unreachable_is_not_named_again_by_its_tests() -> None:
    gone = replace(REPORT.hosts[0], status="unreachable")
    report = replace(REPORT, hosts=(gone, REPORT.hosts[1]), exit_code=4)
    after = with_tests(report, fold(result(Outcome.CLOSED), result(Outcome.FAILED, host="gpu-02")))
    assert [finding.host for finding in after.findings] == ["gpu-02"]
