"""A tunnel for `async with`."""

from __future__ import annotations

import functools
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import provision
from provision.aio.awaitable import in_a_thread


@asynccontextmanager
async def tunnel(inventory: provision.Inventory, **options: Any) -> AsyncIterator[provision.Tunnel]:
    """As provision.tunnel."""
    cancel = options.setdefault("cancel", threading.Event())
    context = provision.tunnel(inventory, **options)
    try:
        # Cancelled, it may have been opened all the same.
        yield await in_a_thread(context.__enter__, cancel)
    finally:
        await in_a_thread(functools.partial(context.__exit__, None, None, None), None)
