import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.testing.results import Outcome, Result, dumps, first_line, loads, without_host


@given(st.builds(Result))
def test_what_a_session_writes_is_what_check_reads(result: Result) -> None:
    assert loads(dumps(result) + "\n") == (result,)


def test_a_session_that_was_killed_in_the_middle_of_a_line_loses_that_line_alone() -> None:
    result = Result(Outcome.PASSED, "a.py::test_a[gpu-01]", "a.py::test_a", "gpu-01")
    line = dumps(result) + "\n"
    assert loads(line + line[:20]) == (result,)


@pytest.mark.parametrize(
    ("identifier", "host", "test"),
    [
        ("a.py::test_it[gpu-01]", "gpu-01", "a.py::test_it"),
        ("a.py::test_it[gpu-01-8]", "gpu-01", "a.py::test_it[8]"),
        ("a.py::test_it[8-gpu-01]", "gpu-01", "a.py::test_it[8]"),
        ("a.py::test_it[8-gpu-01-x]", "gpu-01", "a.py::test_it[8-x]"),
        ("a.py::test_it[gpu-01-gpu-01]", "gpu-01", "a.py::test_it[gpu-01]"),
        ("a.py::test_it[a[1]-gpu-01]", "gpu-01", "a.py::test_it[a[1]]"),
        ("a.py::TestIt::test_it[gpu-01]", "gpu-01", "a.py::TestIt::test_it"),
        ("a.py::test_it", "", "a.py::test_it"),
        ("a.py::test_it[8]", "", "a.py::test_it[8]"),
    ],
)
def test_a_test_is_called_the_same_on_every_host(identifier: str, host: str, test: str) -> None:
    assert without_host(identifier, host) == test


@pytest.mark.parametrize(
    ("lines", "short"),
    [
        (["AssertionError: assert 4 == 8", " - 8"], "assert 4 == 8"),
        (["", "  assert False"], "assert False"),
        (["RuntimeError: no such luck"], "RuntimeError: no such luck"),
        ([], ""),
    ],
)
def test_a_failure_is_said_in_one_line(lines: list[str], short: str) -> None:
    assert first_line(lines) == short
