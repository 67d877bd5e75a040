"""The other form of a function: asynchronous of one that computes, synchronous of one that
waits."""

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar, cast

from charter_engine.api.progress import Progress, Report, silent

P = ParamSpec("P")
T = TypeVar("T")


def asynchronous(function: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
    """The function on a thread of its own, its name with `_async` behind.

    It takes a keyword `report`, which is called on that thread. Cancelling the task ends the
    computing at its next report.
    """

    @functools.wraps(function)
    async def on_a_thread(*args: P.args, **kwargs: P.kwargs) -> T:
        ended = threading.Event()
        report = _until(ended, cast(Report, kwargs.get("report", silent)))
        reporting: Callable[..., T] = functools.partial(function, *args)
        try:
            return await asyncio.to_thread(reporting, **{**kwargs, "report": report})
        finally:
            ended.set()

    return _renamed(on_a_thread, f"{function.__name__}_async")


def synchronous(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The function waited for, its name without `_async`; also where an event loop runs already, as
    in Jupyter. An interrupt cancels it."""

    @functools.wraps(function)
    def waiting(*args: P.args, **kwargs: P.kwargs) -> T:
        return waited_for(function(*args, **kwargs))

    return _renamed(waiting, function.__name__.removesuffix("_async"))


def waited_for(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine. Where an event loop runs, it has one of its own on another
    thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    return _on_another_thread(work)


def _on_another_thread(work: Coroutine[Any, Any, T]) -> T:
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = Future()

    async def held() -> T:
        task = asyncio.current_task()
        assert task is not None
        begun.set_result((asyncio.get_running_loop(), task))
        return await work

    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(asyncio.run, held())
        try:
            return done.result()
        except KeyboardInterrupt:
            loop, task = begun.result()
            loop.call_soon_threadsafe(task.cancel)
            # What gives what it has when it is cancelled, gives it here as well.
            with suppress(asyncio.CancelledError):
                return done.result()
            raise


def _until(ended: threading.Event, report: Report) -> Report:
    def told(progress: Progress) -> None:
        if ended.is_set():
            raise asyncio.CancelledError
        report(progress)

    return told


def _renamed(function: Callable[P, T], name: str) -> Callable[P, T]:
    place = function.__qualname__.rpartition(".")[0]
    function.__name__, function.__qualname__ = name, f"{place}.{name}".lstrip(".")
    return function
