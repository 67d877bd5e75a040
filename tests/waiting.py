"""Waiting for what comes about in its own time: looked for again and again, never for a fixed
time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
SECONDS = 60.0
"""Far more than a loaded machine takes."""
BETWEEN_SECONDS = 0.02


async def until(holds: Callable[[], object]) -> None:
    """Wait until it holds."""
    await until_found(asynchronously(holds), bool)


async def until_found(look: Callable[[], Awaitable[T]], holds: Callable[[T], object]) -> T:
    """Look until what is found is as it has to be; gives that."""
    deadline = time.monotonic() + SECONDS
    while not holds(found := await look()):
        assert time.monotonic() < deadline, f"it did not come about in time; last {found!r}"
        await asyncio.sleep(BETWEEN_SECONDS)
    return found


def asynchronously(look: Callable[[], T]) -> Callable[[], Awaitable[T]]:
    async def looked() -> T:
        return look()

    return looked
