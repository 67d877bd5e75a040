"""Processes that work for the engine: what they give and raise, and how they end."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from importlib import import_module
from pathlib import Path

import psutil
import pytest

from charter_engine.api.progress import Progress, Report
from charter_engine.errors import CharterError, UsageError
from charter_engine.service.workers import WorkerPool
from charter_engine.triton.errors import TritonError


def added(one: int, other: int, report: Report) -> int:
    report(Progress("adding", 1, 1))
    return one + other


def refused(_: Report) -> None:
    raise UsageError("a.jsonl: no such file", remedy="check the path")


def refused_by_triton(_: Report) -> None:
    raise TritonError("it is gone", kind="unreachable")


def defective(_: Report) -> float:
    return 1 / 0


def endless(report: Report) -> None:
    report(Progress("without end"))
    while True:
        time.sleep(60)


def deaf(report: Report) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    endless(report)


def killed(_: Report) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def process(_: Report) -> int:
    return os.getpid()


def importing(folder: str, report: Report) -> None:
    sys.path.insert(0, folder)
    vars(sys)["import_began"] = partial(report, Progress("importing"))
    import_module("imported_slowly")


@pytest.fixture
async def workers() -> AsyncIterator[WorkerPool]:
    working = WorkerPool()
    yield working
    await working.stop()


async def until_begun(workers: WorkerPool, work: Callable[[Report], None]) -> "asyncio.Task[None]":
    """Work in progress, once it has told of a step."""
    loop, begun = asyncio.get_running_loop(), asyncio.Event()

    def heard(_: Progress) -> None:
        loop.call_soon_threadsafe(begun.set)

    task = asyncio.create_task(workers.carry_out(work, heard))
    await begun.wait()
    return task


async def test_what_the_work_gives_and_tells_is_given_and_told(workers: WorkerPool) -> None:
    told: list[Progress] = []
    assert await workers.carry_out(partial(added, 2, 3), told.append) == 5
    assert told == [Progress("adding", 1, 1)]


async def test_a_refusal_keeps_its_words_its_remedy_and_its_kind(workers: WorkerPool) -> None:
    with pytest.raises(CharterError) as caught:
        await workers.carry_out(refused)
    assert (caught.value.message, caught.value.remedy) == (
        "a.jsonl: no such file",
        "check the path",
    )
    assert caught.value.kind == "usage"
    with pytest.raises(CharterError) as caught:
        await workers.carry_out(refused_by_triton)
    assert caught.value.kind == "unreachable"


async def test_a_defect_is_raised_with_the_place_where_it_came_up(workers: WorkerPool) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        await workers.carry_out(defective)
    assert "in defective" in caught.value.__notes__[0]


async def test_a_worker_goes_on_after_work_that_failed_or_was_given_up(workers: WorkerPool) -> None:
    first = await workers.carry_out(process)
    with pytest.raises(ZeroDivisionError):
        await workers.carry_out(defective)
    task = await until_begun(workers, endless)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert await workers.carry_out(process) == first


async def test_a_worker_whose_import_was_cut_in_two_works_no_more(
    workers: WorkerPool, tmp_path: Path
) -> None:
    (tmp_path / "imported_slowly.py").write_text(
        "import sys, time\nsys.import_began()\ntime.sleep(60)\n"
    )
    first = await workers.carry_out(process)
    work = await until_begun(workers, partial(importing, str(tmp_path)))
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    assert not psutil.pid_exists(first)
    assert await workers.carry_out(process) != first


async def test_work_is_given_up_before_its_worker_has_come_up(
    workers: WorkerPool, capfd: pytest.CaptureFixture[str]
) -> None:
    task = asyncio.create_task(workers.carry_out(endless))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert await workers.carry_out(partial(added, 2, 3)) == 5
    assert not capfd.readouterr().err


async def test_work_that_does_not_heed_being_given_up_is_ended(
    workers: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("charter_engine.service.workers.INTERRUPT_SECONDS", 0.002)
    first = await workers.carry_out(process)
    task = await until_begun(workers, deaf)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not psutil.pid_exists(first)
    assert await workers.carry_out(process) != first


async def test_a_process_that_dies_fails_its_work_and_no_other(workers: WorkerPool) -> None:
    with pytest.raises(CharterError, match="ended with -9"):
        await workers.carry_out(killed)
    assert await workers.carry_out(partial(added, 2, 3)) == 5


async def test_two_pieces_of_work_are_done_at_once_and_a_third_waits() -> None:
    workers = WorkerPool(most_at_once=2)
    tasks = [await until_begun(workers, endless) for _ in range(2)]
    third = asyncio.create_task(workers.carry_out(process))
    await asyncio.sleep(0)
    tasks[0].cancel()
    assert await third
    await workers.stop()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_worker_that_was_idle_for_long_is_ended() -> None:
    workers = WorkerPool(idle_seconds=0.01)
    number = await workers.carry_out(process)
    await ended(number)
    assert await workers.carry_out(process) != number
    await workers.stop()


async def test_a_worker_that_is_prepared_is_the_one_that_works(workers: WorkerPool) -> None:
    workers.prepare()
    (prepared,) = workers._idle
    assert await workers.carry_out(process) == prepared._process.pid


async def test_workers_end_with_a_killed_engine() -> None:
    engine = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", ENGINE), stdout=asyncio.subprocess.PIPE
    )
    assert engine.stdout is not None
    number = int(await engine.stdout.readline())
    engine.kill()
    await engine.communicate()
    await ended(number)


async def ended(number: int) -> None:
    """Wait until a process is gone. Raises `TimeoutExpired`."""
    with contextlib.suppress(psutil.NoSuchProcess):
        await asyncio.to_thread(psutil.Process(number).wait, 30)


ENGINE = """
import asyncio
from functools import partial
from charter_engine.service.workers import WorkerPool
from tests.unit.service.test_workers import endless, process

async def main():
    workers = WorkerPool()
    print(await workers.carry_out(process), flush=True)
    await workers.carry_out(endless)

asyncio.run(main())
"""
