import pytest

from provision.render.text import Paint, Style, clean, clock, cut, duration, named, table, wants_colour, wrapped


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0.0 s"), (0.44, "0.4 s"), (9.96, "10 s"), (59.4, "59 s"), (60, "1 min 00 s"), (3725, "1 h 02 min")],
)
def test_a_duration_is_as_exact_as_it_is_long(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_a_clock_counts_minutes_then_hours() -> None:
    assert [clock(s) for s in (0, 14.9, 725, 3729, -1)] == ["0:00", "0:14", "12:05", "1:02:09", "0:00"]


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("10%\r50%\r100%\r\n", "100%"),
        ("a\tb\x00\x08c", "a    b\\x00\\x08c"),
        ("\x9b31mred", "\\x9b31mred"),
        ("\x1b]0;a title without its end", "\\x1b]0;a title without its end"),
        ("gpu\u202e10-\u2066b\U000e0041", "gpu\\u202e10-\\u2066b\\U000e0041"),
        ("fetching https://me:hush@pypi.example.org/simple", "fetching https://********@pypi.example.org/simple"),
        ("naïve → 模型", "naïve → 模型"),
    ],
)
def test_what_a_host_prints_cannot_steer_the_terminal(printed: str, shown: str) -> None:
    assert clean(printed) == shown


def test_what_is_cut_says_so() -> None:
    assert [cut("provision", n) for n in (9, 5, 1, 0)] == ["provision", "prov…", "…", ""]


def test_a_table_has_no_trailing_blanks() -> None:
    assert table([("a", "1", "x"), ("bbb", "22", "")], frozenset({1})) == [["a  ", " 1", "x"], ["bbb", "22", ""]]


@pytest.mark.parametrize(
    ("environ", "tty", "no_color", "colour"),
    [
        ({}, True, False, True),
        ({}, False, False, False),
        ({}, True, True, False),
        ({"NO_COLOR": "1"}, True, False, False),
        ({"NO_COLOR": ""}, True, False, True),
        ({"TERM": "dumb"}, True, False, False),
    ],
)
def test_colour_is_for_terminals_of_people_who_want_it(
    environ: dict[str, str], tty: bool, no_color: bool, colour: bool
) -> None:
    assert wants_colour(environ, tty=tty, no_color=no_color) is colour


def test_paint_without_colour_is_the_text() -> None:
    assert Paint(False)(Style.ERROR, "x") == "x"
    assert Paint(True)(Style.ERROR, "x") == "\x1b[1;31mx\x1b[0m"


def test_lines_are_broken_at_words_and_indented() -> None:
    assert wrapped("one two three four", 9, "  ", "-") == ["- one two", "  three", "  four"]
    assert wrapped("incomprehensibilities are long", 9) == ["incomprehensibilities", "are long"]
    assert wrapped("run `nvidia-smi -q -d ECC`, then reboot", 12) == ["run", "`nvidia-smi -q -d ECC`,", "then reboot"]


def test_up_to_three_hosts_are_all_named() -> None:
    assert named(["a"]) == "a"
    assert named(["a", "b", "c"]) == "a, b, c"
    assert named(["a", "b", "c", "d"]) == "4 hosts (a … d)"
