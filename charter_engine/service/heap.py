"""Work in a thread whose memory goes back to the system when it is done."""

import asyncio
import ctypes
from collections.abc import Callable
from functools import cache, partial
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


async def work_apart(
    work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """As `asyncio.to_thread`. A prediction of a large agent frees a hundred megabytes in pieces,
    which glibc would keep for good (malloc_trim(3))."""
    return await asyncio.to_thread(_work_and_trim, partial(work, *args, **kwargs))


def _work_and_trim(work: Callable[[], Result]) -> Result:
    try:
        return work()
    finally:
        _trim()(0)


@cache
def _trim() -> Callable[[int], object]:
    """Other C libraries have no such call, nor need of it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim if trim is not None else int
