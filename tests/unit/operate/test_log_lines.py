"""Logs of several hosts on one time line, whatever their clocks say and whatever is written to them."""

import re
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.operate.log_lines import Filter, HostReader, LogLine, in_order, seconds_ago

NOW = datetime(2026, 11, 29, 13, 0, tzinfo=timezone.utc).timestamp()


def answer(*lines: str, ahead: float = 0.0, changed: float = NOW, log: str = "vllm") -> list[str]:
    return [
        f"@clock {NOW + ahead:.0f} +0000 1000.00",
        f"@file 1 {changed + ahead:.0f} 0 {log} /srv/{log}/log with a blank",
        *(f"1|{line}" for line in lines),
    ]


def read(host: str, lines: list[str], ahead: float = 0.0) -> tuple[HostReader, list[LogLine]]:
    reader = HostReader(host, ahead)
    return reader, [line for raw in lines if (line := reader.read(raw))]


def test_hosts_whose_clocks_differ_are_put_in_order() -> None:
    """The second host's clock is five minutes ahead: what it stamps 12:04:30 was before the first one's 12:00:00."""
    one = read("gpu-01", answer("INFO 11-29 12:00:00 [a.py:1] second"))
    two = read("gpu-02", answer("ERROR 11-29 12:04:30 [a.py:1] first", ahead=300), 300)
    lines = in_order([one[0], two[0]], [*one[1], *two[1]])
    assert [(line.host, line.level) for line in lines] == [("gpu-02", "error"), ("gpu-01", "info")]
    assert lines[1].at - lines[0].at == 30  # type: ignore[operator]
    assert lines[0].text == "ERROR 11-29 12:04:30 [a.py:1] first"


def test_a_traceback_belongs_to_the_error_above_it() -> None:
    reader, lines = read(
        "a",
        answer(
            "INFO 11-29 12:00:00 [a.py:1] x",
            "ERROR 11-29 12:00:01 [a.py:2] boom",
            "Traceback",
            "  File",
            "ValueError: y",
        ),
    )
    only = Filter(level="error")
    assert [line.text for line in in_order([reader], lines) if only.takes(line)] == [
        "ERROR 11-29 12:00:01 [a.py:2] boom",
        "Traceback",
        "  File",
        "ValueError: y",
    ]


def test_lines_before_the_first_time_are_of_then_and_of_a_log_without_any_when_it_was_written() -> None:
    one = read("a", answer("a banner", "INFO 11-29 12:00:00 [a.py:1] x"))
    two = read("b", answer("no time at all", changed=NOW - 7200))
    lines = in_order([one[0], two[0]], [*one[1], *two[1]])
    assert [line.text for line in lines] == ["no time at all", "a banner", "INFO 11-29 12:00:00 [a.py:1] x"]
    assert lines[0].at == NOW - 7200 and lines[1].at == lines[2].at


def test_a_clock_that_was_set_back_does_not_turn_a_log_around() -> None:
    reader, lines = read("a", answer("INFO 11-29 12:00:09 [a.py:1] x", "INFO 11-29 12:00:01 [a.py:1] y"))
    assert [line.text[-1] for line in in_order([reader], lines)] == ["x", "y"]


def test_what_the_kernel_says_is_of_its_boot() -> None:
    _, (line,) = read("a", answer("[  400.5] NVRM: Xid", log="kernel"))
    assert line.at == NOW - 1000 + 400.5


def test_what_is_asked_for_is_what_is_shown() -> None:
    line = LogLine("a", "vllm", "/log", "loading weights", NOW, "")
    assert Filter(since=NOW - 1).takes(line) and not Filter(since=NOW + 1).takes(line)
    assert Filter(pattern=re.compile("weig.ts")).takes(line) and not Filter(pattern=re.compile("^weights")).takes(line)
    assert Filter(level="info").takes(line) and not Filter(level="warning").takes(line)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10m", 600),
        ("90s", 90),
        ("2h", 7200),
        ("1d", 86400),
        ("1.5h", 5400),
        ("5 min", 300),
        ("", None),
        ("-1m", None),
        ("10", None),
        ("1w", None),
    ],
)
def test_how_long_ago(text: str, seconds: float | None) -> None:
    assert seconds_ago(text) == seconds


@given(st.lists(st.text()))
def test_any_answer_is_read(raws: list[str]) -> None:
    reader, lines = read(
        "a", ["@file 1 9 0 vllm p", "@file 2", "@clock", "@clock ٣ +0000 x", *raws, *(f"1|{raw}" for raw in raws)]
    )
    for line in in_order([reader], lines):
        assert line.at is not None and line.host == "a"
