"""The other form of a function: on a thread of its own, or waited for."""

import asyncio
import signal
import threading
import time

import pytest

from charter_engine.api.forms import asynchronous, synchronous
from charter_engine.api.progress import Progress, Report, silent


def count_to(number: int, *, report: Report = silent) -> int:
    """Count."""
    for step in range(number):
        report(Progress("counting", step, number))
        time.sleep(0.001)
    return number


async def wait_for_async(seconds: float) -> str:
    """Wait."""
    await asyncio.sleep(seconds)
    return threading.current_thread().name


count_to_async = asynchronous(count_to)
wait_for = synchronous(wait_for_async)


async def test_what_computes_leaves_the_event_loop_free() -> None:
    heard: list[str] = []

    def hear(_: Progress) -> None:
        heard.append(threading.current_thread().name)

    assert await count_to_async(3, report=hear) == 3
    assert len(heard) == 3
    assert threading.current_thread().name not in heard


async def test_cancelling_ends_the_computing_at_its_next_report() -> None:
    begun, ended = threading.Event(), threading.Event()

    def endless(*, report: Report = silent) -> None:
        try:
            while True:
                report(Progress("counting"))
        finally:
            ended.set()

    counting = asyncio.create_task(asynchronous(endless)(report=lambda _: begun.set()))
    await asyncio.to_thread(begun.wait)
    counting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await counting
    await asyncio.to_thread(ended.wait)


async def test_what_a_callback_raises_ends_the_computing() -> None:
    def refuse(progress: Progress) -> None:
        raise InterruptedError(progress.stage)

    with pytest.raises(InterruptedError, match="counting"):
        await count_to_async(3, report=refuse)


def test_what_waits_is_waited_for_where_no_event_loop_runs() -> None:
    assert wait_for(0.0) == threading.current_thread().name


async def test_what_waits_is_waited_for_inside_a_running_event_loop() -> None:
    assert wait_for(0.0) != threading.current_thread().name


async def test_an_error_reaches_the_caller_inside_a_running_event_loop() -> None:
    async def fail_async() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        synchronous(fail_async)()


def test_an_interrupt_in_a_notebook_cancels_and_gives_what_there_is() -> None:
    begun = threading.Event()

    async def patient_async() -> str:
        begun.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "so far"
        return "all"

    async def cell() -> str:
        return synchronous(patient_async)()

    waiting = threading.get_ident()

    def interrupt() -> None:
        begun.wait()
        time.sleep(0.1)  # until the cell waits for what has begun
        signal.pthread_kill(waiting, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    loop = asyncio.new_event_loop()
    try:
        assert loop.run_until_complete(cell()) == "so far"
    finally:
        loop.close()


def test_each_form_has_its_name_and_its_documentation() -> None:
    assert count_to_async.__name__ == "count_to_async"
    assert wait_for.__name__ == "wait_for"
    assert count_to_async.__doc__ == "Count."
    assert wait_for.__doc__ == "Wait."
