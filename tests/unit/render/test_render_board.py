import pytest
from render_samples import a_plan, a_run

from provision.core import events
from provision.render.board import Board


def board(*run: events.Event) -> Board:
    made = Board()
    for event in run:
        made.handle(event, 100)
    return made


def test_each_host_shows_what_it_does_how_far_it_is_and_for_how_long() -> None:
    run = a_run()
    lines = board(*run[: run.index(events.Progress("gpu-01", "412/945 MB")) + 1]).lines(114, 70, 20)
    assert lines == [
        "gpu-01  environment 3f9c  412/945 MB                              0:14",
        "gpu-02  waiting",
        "gpu-03  done",
        "0:14  1 busy · 1 waiting · 1 done",
    ]


def test_a_host_that_failed_says_why_until_the_end() -> None:
    lines = board(*a_run()[:-2]).lines(100, 70, 20)
    assert lines[1] == "gpu-02  vllm: failed (exit code 1)"
    assert lines[-1] == "0:00  2 done · 1 failed"


@pytest.mark.parametrize("width", [1, 2, 5, 10, 20, 33, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    made = board(
        events.RunStarted("", "up", "llama", ("a-host-with-quite-a-long-name.example.org", "b")),
        events.Doing("b", "installing 169 wheels into a folder with a long name"),
        events.Progress("b", "412/945 MB"),
    )
    assert all(len(line) <= width for line in made.lines(1e5, width, 20))


@pytest.mark.parametrize("height", [0, 1, 2, 10])
def test_two_hundred_busy_hosts_fit_any_height_and_are_counted(height: int) -> None:
    hosts = tuple(f"gpu-{n:03}" for n in range(200))
    made = board(events.RunStarted("", "up", "llama", hosts), *(events.Doing(h, "connecting") for h in hosts))
    lines = made.lines(100, 80, height)
    assert len(lines) == height
    if height:
        assert lines[-1] == f"0:00  200 busy ({201 - height} not shown)"


def test_of_many_hosts_only_the_busy_ones_are_listed() -> None:
    hosts = tuple(f"gpu-{n:02}" for n in range(20))
    made = board(events.RunStarted("", "up", "llama", hosts), events.Doing("gpu-07", "connecting"))
    assert [line.split()[0] for line in made.lines(100, 80, 30)] == ["gpu-07", "0:00"]


def test_hosts_without_changes_are_done_once_there_is_a_plan() -> None:
    made = board(events.RunStarted("", "up", "llama", ("gpu-03",)), events.Planned("", a_plan()))
    assert made.lines(100, 80, 30) == ["gpu-03  done", "0:00  1 done"]


def test_after_the_run_the_board_is_gone() -> None:
    assert board(*a_run()).lines(100, 80, 30) == []
