import threading
import time

import pytest

from provision.core.events import Event, Note
from provision.render.fanout import Fanout, View


class Recorder(View):
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.threads: set[int] = set()
        self.closed = False

    def handle(self, event: Event, at: float) -> None:
        assert isinstance(event, Note)
        self.texts.append(event.text)
        self.threads.add(threading.get_ident())

    def close(self) -> None:
        self.closed = True


class Broken(View):
    def handle(self, event: Event, at: float) -> None:
        raise RuntimeError("no ink")


def test_events_of_many_threads_reach_a_view_whole_and_on_one_thread() -> None:
    view = Recorder()
    with Fanout([view]) as fanout:
        threads = [
            threading.Thread(target=lambda n=n: [fanout(Note("", f"{n}:{i}")) for i in range(100)]) for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(view.texts) == 800
    assert len(view.threads) == 1
    assert [t for t in view.texts if t.startswith("3:")] == [f"3:{i}" for i in range(100)]
    assert view.closed


def test_a_step_of_the_clock_is_none_of_the_times_that_views_get(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise what a host does would have lasted for a day, or for less than nothing."""
    seen: list[float] = []

    class Times(View):
        def handle(self, event: Event, at: float) -> None:
            seen.append(at)

    with Fanout([Times()]) as fanout:
        real = time.time
        for step in (0.0, 86_400.0, -86_400.0):
            monkeypatch.setattr(time, "time", lambda step=step: real() + step)
            fanout(Note("", "x"))
    assert seen == sorted(seen) and seen[-1] - seen[0] < 3600


def test_a_view_that_breaks_does_not_stop_the_others_and_is_not_hidden() -> None:
    view = Recorder()
    with pytest.raises(RuntimeError, match="no ink"), Fanout([Broken(), view]) as fanout:
        fanout(Note("", "a"))
        fanout(Note("", "b"))
    assert view.texts == ["a", "b"]


def test_the_runs_own_error_comes_before_a_views() -> None:
    with pytest.raises(ValueError, match="the run"), Fanout([Broken()]) as fanout:
        fanout(Note("", "a"))
        raise ValueError("the run")


def test_while_it_is_held_everything_so_far_is_shown_and_nothing_more() -> None:
    view = Recorder()
    with Fanout([view]) as fanout:
        fanout(Note("", "before"))
        with fanout.held():
            fanout(Note("", "meanwhile"))
            assert view.texts == ["before"]
    assert view.texts == ["before", "meanwhile"]
