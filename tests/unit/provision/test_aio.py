"""`provision.aio`: every function of the library can be awaited, and leaves no thread, also where it is cancelled."""

import asyncio
import inspect
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import provision
from provision import aio
from provision.core.events import Event, Note, silent


def test_all_that_waits_can_be_awaited() -> None:
    public = {name: getattr(provision, name) for name in provision.__all__}
    # Those that only describe: for playbooks.
    described = {"judge", "with_parallelism", "left_without_ray"}
    waits = {name for name, value in public.items() if inspect.isfunction(value)} - described
    there = {name for name, value in vars(aio).items() if inspect.isfunction(value) and hasattr(value, "__wrapped__")}
    assert there - {"asynccontextmanager"} == waits
    for name in waits - {"tunnel"}:
        assert inspect.iscoroutinefunction(getattr(aio, name))
        assert inspect.signature(getattr(aio, name)).parameters == inspect.signature(public[name]).parameters


def work(
    text: str, *, listener: Callable[[Event], None] = silent, cancel: threading.Event | None = None, wait: float = 0.0
) -> tuple[str, bool, int]:
    """What it was given, whether it was to stop, and the thread that it ran in."""
    for number in range(3):
        listener(Note("", f"{text} {number}"))
    stopped = bool(cancel and cancel.wait(wait))
    if text == "fails":
        raise provision.UsageError("no luck")
    return text, stopped, threading.get_ident()


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_it_works_in_a_thread_that_has_ended_and_listeners_hear_in_that_of_the_loop() -> None:
    heard: list[tuple[str, int]] = []
    before = threads()

    async def main() -> list[tuple[str, bool, int]]:
        def listen(event: Event) -> None:
            assert isinstance(event, Note)
            heard.append((event.text, threading.get_ident()))

        first, second = aio.awaitable(work)("a", listener=listen), aio.awaitable(work)("b")
        found = await asyncio.gather(first, second)
        assert threads() == before
        return found

    (first, second) = asyncio.run(main())
    assert (first[0], second[0]) == ("a", "b") and threading.get_ident() not in (first[2], second[2])
    assert heard == [(f"a {number}", threading.get_ident()) for number in range(3)]


def test_what_it_raises_is_raised() -> None:
    with pytest.raises(provision.UsageError, match="no luck"):
        asyncio.run(aio.awaitable(work)("fails"))


def test_a_cancelled_task_stops_the_run_and_waits_for_its_end() -> None:
    ended: list[bool] = []

    def slow(*, cancel: threading.Event | None = None) -> None:
        assert cancel is not None
        assert cancel.wait(60), "nobody has told it to stop"
        time.sleep(0.05)  # what a run has to do before it has ended
        ended.append(True)

    async def main() -> None:
        task = asyncio.create_task(aio.awaitable(slow)())
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()  # an impatient one
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == [True]

    before = threads()
    asyncio.run(main())
    assert threads() == before


def test_a_run_that_is_given_its_own_way_to_be_stopped_keeps_it() -> None:
    stop = threading.Event()
    stop.set()
    assert asyncio.run(aio.awaitable(work)("a", cancel=stop, wait=60))[1] is True


def test_a_tunnel_that_opens_while_it_is_cancelled_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    doors: list[str] = []

    @contextmanager
    def tunnel(inventory: object, *, cancel: threading.Event) -> Iterator[str]:
        assert cancel.wait(60)
        doors.append("open")
        yield "door"
        doors.append("closed")

    async def main() -> None:
        async def use() -> None:
            async with aio.tunnel(None):  # type: ignore[arg-type]
                doors.append("used")

        task = asyncio.create_task(use())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    monkeypatch.setattr(provision, "tunnel", tunnel)
    asyncio.run(main())
    assert doors == ["open", "closed"]
