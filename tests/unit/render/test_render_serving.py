"""The end of `up`, `smoke` and `bench`, as people see them."""

from collections.abc import Mapping

from render_samples import a_report
from serving_samples import a_bench, a_smoke

from provision.core.report import HostReport, Phase
from provision.payload.ask import EMBEDDING, Answer
from provision.render.recap import outcome_lines, phase_lines
from provision.render.serving import bench_lines, smoke_lines

CHANGED = HostReport("gpu-01", "changed", ("vLLM",), (), 98.0)
SAME = HostReport("gpu-01", "ok", (), (), 0.4)


def test_smoke_says_how_it_was_asked_and_how_long_it_took() -> None:
    assert smoke_lines(a_smoke()) == [
        "llama at http://10.0.0.1:8000/v1",
        "  a chat completion answered from here: first token after 0.05 s, 16 tokens in 0.21 s",
        "  Hello.",
    ]


def test_smoke_says_why_it_went_through_ssh() -> None:
    lines = smoke_lines(a_smoke(direct=False, why="no answer within 2 s"))
    assert "answered on gpu-01, through SSH (from here: no answer within 2 s): first token" in lines[1]


def test_a_vector_has_no_first_token() -> None:
    (_, line, text) = smoke_lines(a_smoke(answer=Answer(EMBEDDING, "128 numbers", 0.04, 0.04)))
    assert line == "  an embedding answered from here: after 0.04 s"
    assert text == "  128 numbers"


def test_what_a_model_prints_cannot_move_the_cursor() -> None:
    lines = smoke_lines(a_smoke(answer=Answer("completion", "a\x1b[2Jb\nc", 0.1, 0.2, 2)))
    assert lines[2] == "  ab c"


def test_bench_is_a_small_table() -> None:
    assert bench_lines(a_bench()) == [
        "llama at http://10.0.0.1:8000/v1: 32 of 32 requests answered in 8.0 s, 4 at a time",
        "  4.00 requests/s, 256 tokens/s (4096 tokens in, 2048 out), 0 errors",
        "",
        "                          mean    median        p99",
        "  to the first token   41.0 ms   40.5 ms    63.2 ms",
        "  between tokens       12.0 ms   11.5 ms    20.0 ms",
        "  whole request       850.0 ms  840.0 ms  1200.0 ms",
    ]


def test_a_model_without_tokens_has_whole_requests_alone() -> None:
    lines = bench_lines(a_bench(first=None, next=None))
    assert [line.split("  ")[1] for line in lines[4:]] == ["whole request"]


def phases(seconds: Mapping[str, float]) -> tuple[Phase, ...]:
    return tuple(Phase(name, value) for name, value in seconds.items())


def test_the_end_of_up_says_how_long_each_part_took_and_sums_up_the_short_ones() -> None:
    took = phases({"facts": 0.4, "Ray head": 5.2, "Python environment": 31.0, "vLLM": 62.0, "looking": 0.1})
    report = a_report(command="up", hosts=(CHANGED,), phases=took)
    (line,) = phase_lines(report, width=120)
    assert line == "took: Ray head 5.2 s · Python environment 31 s · vLLM 1 min 02 s · 2 shorter parts 0.5 s"


def test_parts_are_not_broken_over_two_lines() -> None:
    took = phases({"Ray head": 5.0, "Python environment": 31.0, "vLLM": 62.0})
    report = a_report(command="up", hosts=(CHANGED,), phases=took)
    assert phase_lines(report, width=40) == [
        "took: Ray head 5.0 s ·",
        "      Python environment 31 s ·",
        "      vLLM 1 min 02 s",
    ]


def test_an_up_that_changed_nothing_does_not_say_how_long_nothing_took() -> None:
    report = a_report(command="up", hosts=(SAME,), phases=phases({"facts": 3.0}))
    assert phase_lines(report) == []


def test_what_can_be_copied_stands_by_itself() -> None:
    report = a_report(command="up", hosts=(), outcome=("llama answers at http://10.0.0.1:8000/v1", "", "curl …"))
    assert outcome_lines(report) == ["llama answers at http://10.0.0.1:8000/v1", "", "curl …", ""]
