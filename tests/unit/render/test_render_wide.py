"""Text that takes other room on a terminal than it has characters: columns stay columns, and no line is too wide."""

import pytest
from check_samples import a_check
from rich.cells import cell_len

from provision.core import events
from provision.core.finding import Known
from provision.core.report import HostReport
from provision.render.board import Board
from provision.render.matrix import matrix_lines
from provision.render.text import cells, cut, cut_at_word, pad, table, wrapped

SAMPLES = (
    "gpu-01",
    "模型 権重",
    "한국어",
    "🚀 done",
    "cafe\N{COMBINING ACUTE ACCENT}",
    "日本語のログ: 失敗しました",
    "ﾊﾝｶｸ",
    "→ …",
    "",
)


@pytest.mark.parametrize("text", SAMPLES)
def test_it_takes_the_room_that_a_terminal_gives_it(text: str) -> None:
    """By another program's table, which the live view is drawn by."""
    assert cells(text) == cell_len(text)
    assert cell_len(pad(text, 40)) == 40


@pytest.mark.parametrize("text", SAMPLES)
@pytest.mark.parametrize("width", [0, 1, 2, 3, 4, 7, 12, 40])
def test_what_is_cut_has_room(text: str, width: int) -> None:
    for made in (cut(text, width), cut_at_word(text, width)):
        assert cell_len(made) <= width
        assert made == text or cell_len(text) > width


def test_lines_are_broken_by_the_room_they_take() -> None:
    assert wrapped("模型 権重 語彙 gpu", 9) == ["模型 権重", "語彙 gpu"]


def test_cells_of_a_table_stand_below_each_other() -> None:
    rows = table([("host", "状態", "3"), ("模型-01", "ok", "12")], right=frozenset({2}))
    assert rows == [["host   ", "状態", " 3"], ["模型-01", "ok  ", "12"]]


def test_columns_of_hosts_stay_columns() -> None:
    names = ("gpu-01", "gpu-02")
    told = {
        name: (Known("packages", "model 模型", value),) for name, value in zip(names, ("日本語", "plain"), strict=True)
    }
    hosts = tuple(HostReport(name, "ok", (), (), 0.1) for name in names)
    lines = matrix_lines(a_check(hosts=hosts, findings=(), known=told), everything=True)
    (row,) = (line for line in lines if "日本語" in line)
    assert cell_len(row[: row.index("plain")]) == lines[0].index("gpu-02")
    assert cell_len(row[: row.index("日本語")]) == lines[0].index("gpu-01")


@pytest.mark.parametrize("width", [1, 5, 20, 40, 400])
def test_no_line_of_the_live_view_is_wider_than_the_terminal(width: int) -> None:
    board = Board()
    for event in (
        events.RunStarted("", "up", "llama", ("gpu-01", "b")),
        events.Doing("b", "日本語のログを読んでいます"),
        events.Progress("b", "🚀 412/945 MB"),
    ):
        board.handle(event, 100)
    assert all(cell_len(line) <= width for line in board.lines(1e5, width, 20))
