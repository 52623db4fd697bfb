import re

import pytest
from render_samples import Terminal, a_run

from provision.core import events
from provision.render.live import LiveView, breaks_lines
from provision.render.out import Out
from provision.render.text import Paint


def test_finished_things_scroll_by_whole_and_the_cursor_comes_back() -> None:
    terminal = Terminal()
    view = LiveView(Out(terminal), Paint(False))
    for second, event in enumerate(a_run()):
        view.handle(event, second)
        view.tick(second)
    view.close()
    text = terminal.getvalue()
    assert "gpu-01  created environment 3f9c  12 s" in text
    assert "gpu-02  error: vllm: failed (exit code 1)" in text
    assert "environment 3f9c  412/945 MB" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_without_colour_nothing_is_coloured() -> None:
    terminal = Terminal()
    view = LiveView(Out(terminal), Paint(False), verbose=True)
    for second, event in enumerate(a_run()):
        view.handle(event, second)
        view.tick(second)
    view.close()
    assert not re.search(r"\x1b\[[0-9;]*m", terminal.getvalue())


def test_lines_that_came_after_the_last_redraw_are_not_lost() -> None:
    terminal = Terminal()
    view = LiveView(Out(terminal))
    view.handle(events.RunStarted("", "up", "llama", ("a",)), 0)
    view.tick(0)
    view.handle(events.Note("", "the last word"), 0)
    view.close()
    assert "the last word" in terminal.getvalue()


def test_paused_it_leaves_the_terminal_to_others_and_begins_anew() -> None:
    terminal = Terminal()
    view = LiveView(Out(terminal), Paint(False))
    for event in a_run():
        view.handle(event, 0.0)
    view.tick(1.0)
    view.pause()
    shown = terminal.getvalue()
    assert shown.endswith("\x1b[?25h") or "\x1b[?25h" in shown.rpartition("\x1b[?25l")[2]
    view.handle(events.Note("", "afterwards"), 2.0)
    view.tick(2.0)
    view.close()
    assert "afterwards" in terminal.getvalue().removeprefix(shown)


def test_rows_that_a_narrower_terminal_has_broken_up_are_all_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """As tmux and most others do; seen in tmux 3.3a: no row of the wider time is left on the screen."""
    monkeypatch.setenv("TMUX", "/tmp/tmux-0/default,1,0")
    terminal = Terminal()
    view = LiveView(Out(terminal), Paint(False))
    view._console.size = (100, 30)  # type: ignore[assignment]
    view.handle(events.RunStarted("", "up", "llama", ("gpu-01", "gpu-02")), 0)
    for host in ("gpu-01", "gpu-02"):
        view.handle(events.Doing(host, "connecting"), 0)
    view.tick(1.0)
    view.tick(2.0)
    drawn = terminal.getvalue()
    # Two rows of 100 and one of `0:02  2 busy`.
    view._console.size = (40, 30)  # type: ignore[assignment]
    view.tick(3.0)
    after = terminal.getvalue().removeprefix(drawn).partition("gpu-01")[0]
    assert after.count("\x1b[1A") == 3 + 3 + 1 - 1 and after.count("\x1b[2K") >= 7
    drawn = terminal.getvalue()
    view._console.size = (100, 30)  # type: ignore[assignment]
    view.tick(4.0)
    assert terminal.getvalue().removeprefix(drawn).partition("gpu-01")[0].count("\x1b[1A") == 2
    view.close()


def test_where_lines_are_cut_off_and_not_broken_up_nothing_above_the_rows_is_taken_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("TMUX", "STY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XTERM_VERSION", "XTerm(379)")
    terminal = Terminal()
    view = LiveView(Out(terminal), Paint(False))
    view._console.size = (100, 30)  # type: ignore[assignment]
    view.handle(events.RunStarted("", "up", "llama", ("gpu-01", "gpu-02")), 0)
    view.handle(events.Doing("gpu-01", "connecting"), 0)
    view.tick(1.0)
    view.tick(2.0)
    drawn = terminal.getvalue()
    view._console.size = (40, 30)  # type: ignore[assignment]
    view.tick(3.0)
    assert terminal.getvalue().removeprefix(drawn).partition("gpu-01")[0].count("\x1b[1A") == 2
    view.close()


@pytest.mark.parametrize(
    ("environ", "broken"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm-256color", "XTERM_VERSION": "XTerm(379)"}, False),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/tmux-0/default,1,0", "XTERM_VERSION": "XTerm(379)"}, True),
        ({"TERM": "screen", "STY": "811.pts-0"}, False),
        ({"TERM": "rxvt-unicode"}, False),
        ({"TERM": "linux"}, False),
    ],
)
def test_which_terminals_break_lines_anew(environ: dict[str, str], broken: bool) -> None:
    assert breaks_lines(environ) is broken
