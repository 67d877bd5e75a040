"""Gives memory back to the system that a run or a compilation took for a moment.

glibc keeps freed memory in an arena for each thread, and of each returns only the top. With 300
calls an engine holds 5 MB less after a run where its threads share one and what is free is returned
(tests/benchmarks/bench_engine_memory.py). Python's own small objects lie elsewhere.
"""

import asyncio
import ctypes
from collections.abc import Callable
from functools import cache
from typing import Final

INTERVAL_SECONDS: Final = 60.0
"""Giving memory back walks the heap; assumed: nobody misses it for a minute."""
M_ARENA_MAX: Final = -8
"""Of malloc.h."""


def share_one_arena() -> None:
    """Have all threads that are still to come allocate from one arena."""
    if (mallopt := _of_glibc("mallopt")) is not None:
        mallopt(M_ARENA_MAX, 1)


def give_back() -> None:
    """Return to the system what is free. Takes milliseconds, and not on the event loop."""
    if (malloc_trim := _of_glibc("malloc_trim")) is not None:
        malloc_trim(0)


async def give_back_regularly() -> None:
    """Until it is cancelled."""
    while True:
        await asyncio.sleep(INTERVAL_SECONDS)
        await asyncio.to_thread(give_back)


@cache
def _of_glibc(name: str) -> Callable[..., int] | None:
    """A function of malloc's; None where another C library has it not."""
    found: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return found
