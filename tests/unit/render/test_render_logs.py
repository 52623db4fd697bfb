"""Lines of logs as people see them."""

from provision.operate.log_lines import LogFile, LogLine
from provision.render.logs import LogView, left_out
from provision.render.out import safe
from provision.render.text import COLOUR, Paint


def a_line(host: str = "gpu-01", text: str = "INFO ready", level: str = "") -> LogLine:
    return LogLine(host, "vllm", "/srv/log", text, 1_795_915_000.0, level)


def test_piped_there_is_no_colour_and_each_line_says_whose_it_is() -> None:
    line = LogView(["gpu-01", "gpu-10"]).line(a_line())
    assert line.endswith("  gpu-01  vllm  INFO ready") and "\x1b" not in line


def test_each_host_has_a_colour_of_its_own_that_passes_to_the_terminal() -> None:
    view = LogView(["gpu-01", "gpu-02"], Paint(True))
    one, two = (view.line(a_line(host)) for host in ("gpu-01", "gpu-02"))
    assert COLOUR.findall(one)[0] != COLOUR.findall(two)[0]
    assert safe(one, colour=True) == one
    assert len(COLOUR.findall(view.line(a_line(level="error")))) == 4


def test_what_a_log_holds_steers_no_terminal() -> None:
    line = LogView(["gpu-01"]).line(a_line(text="a\x1b[2J\x1b]0;evil\x07b\u202ec"))
    assert line.endswith("ab\\u202ec")


def test_what_was_not_read_is_said() -> None:
    file = LogFile("gpu-01", "vllm", "/srv/log", 0.0, 92 * 2**20)
    assert left_out([file, LogFile("gpu-01", "ray", "/x", 0.0, 0)]) == [
        "note: of vllm on gpu-01, what stands before the last part was not read (92 MiB)"
    ]
