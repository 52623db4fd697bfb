import io

import pytest
from render_samples import Terminal

from provision.render.screen import Screen


@pytest.mark.parametrize(("columns", "width"), [("60", 60), ("120", 120), ("400", 140)])
def test_lines_are_as_wide_as_the_terminal_but_not_too_wide_to_follow(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("COLUMNS", columns)
    assert Screen().width == width


def test_in_a_pipe_lines_have_eighty_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", io.StringIO())
    monkeypatch.setenv("COLUMNS", "400")
    assert Screen().width == 80
