"""How a function that waits for hosts is awaited."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import threading
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def awaitable(function: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """`function`, which waits for hosts or files, as one that can be awaited."""
    # Those of a run are in `Options`.
    named = inspect.signature(function).parameters
    takes_cancel = "cancel" in named or "options" in named

    @functools.wraps(function)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        cancel: threading.Event | None = None
        if takes_cancel:
            cancel = kwargs.get("cancel") or threading.Event()  # type: ignore[assignment]
            kwargs["cancel"] = cancel
        if (listener := kwargs.get("listener")) is not None:
            kwargs["listener"] = functools.partial(loop.call_soon_threadsafe, listener)  # type: ignore[arg-type]
        return await in_a_thread(functools.partial(function, *args, **kwargs), cancel)

    return call


async def in_a_thread(work: Callable[[], T], cancel: threading.Event | None) -> T:
    """Does not leave before the thread has."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def do() -> None:
        try:
            value = context.run(work)
        except BaseException as error:
            loop.call_soon_threadsafe(found.set_exception, _raisable(error))
        else:
            loop.call_soon_threadsafe(found.set_result, value)

    thread = threading.Thread(target=do, name="provision")
    thread.start()
    cancelled: asyncio.CancelledError | None = None
    while not found.done():
        try:
            # Unlike awaiting it, this leaves it as it is.
            await asyncio.wait([found])
        except asyncio.CancelledError as error:
            cancelled = error
            if cancel is not None:
                cancel.set()
    thread.join()
    if cancelled is not None:
        found.exception()  # or asyncio says that nobody has heard of it
        raise cancelled
    return found.result()


def _raisable(error: BaseException) -> BaseException:
    """A future takes no StopIteration."""
    return RuntimeError(str(error)) if isinstance(error, StopIteration) else error
