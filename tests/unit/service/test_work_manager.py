"""Work that takes a while: one piece at a time, shown, cancelled, its results kept."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
from msgspec.structs import replace

from charter_engine.api.progress import Progress, Report
from charter_engine.contracts.gauges import Event, Gauge, Work, WorkResults
from charter_engine.contracts.learning import LearnResult
from charter_engine.contracts.reuse_times import LearnReport
from charter_engine.errors import CharterError, UsageError
from charter_engine.service.hub import Hub
from charter_engine.service.work_manager import WorkManager, left_ms

FOUND = LearnResult(
    report=LearnReport(
        output="",
        sources=("a.jsonl",),
        sessions=1,
        requests=2,
        decide_at="sent",
        explained=0.5,
        spread=1.0,
        usable=True,
        telling=(),
        nodes=(),
        kinds={},
    )
)


async def until_stopped(begun: asyncio.Event, report: Report) -> LearnResult:
    """Steps without end."""
    while True:
        report(Progress("reading sessions", 1, 3))
        begun.set()
        await asyncio.sleep(0.005)


async def found_at_once(_: Report) -> LearnResult:
    return FOUND


async def until(holds: Callable[[], object]) -> None:
    for _ in range(10_000):
        if holds():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come about in time")


def told_by(hub: Hub) -> tuple[list[Work], list[Event]]:
    work: list[Work] = []
    events: list[Event] = []

    def tap(message: object) -> None:
        if isinstance(message, Gauge) and isinstance(message.payload, Work):
            work.append(message.payload)
        elif isinstance(message, Event):
            events.append(message)

    hub.taps.append(tap)
    return work, events


async def test_a_result_is_kept_by_its_kind_and_told() -> None:
    hub = Hub()
    manager = WorkManager(hub)
    manager.start("learn", "a.jsonl", found_at_once)
    await until(lambda: manager.work.state == "done")
    assert manager.results == WorkResults(learn=FOUND)
    payloads = {type(gauge.payload): gauge.payload for gauge in hub.latest()}
    assert payloads[WorkResults] == manager.results
    assert payloads[Work] == manager.work


async def test_whoever_waits_gets_what_was_found() -> None:
    manager = WorkManager(Hub())
    assert await manager.result("learn", "a.jsonl", found_at_once) == FOUND


async def test_progress_is_told_while_the_work_goes_on() -> None:
    hub, begun = Hub(), asyncio.Event()
    work, _ = told_by(hub)
    manager = WorkManager(hub)
    manager.start("learn", "a.jsonl", partial(until_stopped, begun))
    await until(lambda: any(item.stage for item in work))
    await manager.stop()
    shown = next(item for item in work if item.stage)
    assert (shown.state, shown.stage, shown.done, shown.total) == (
        "running",
        "reading sessions",
        1,
        3,
    )


def test_the_time_left_is_that_of_the_steps_left() -> None:
    work = Work(kind="plan", state="running", done=3, total=12)
    assert left_ms(work, 600.0) == 1800.0
    assert left_ms(replace(work, done=12), 600.0) == 0.0


@pytest.mark.parametrize("changes", [{"done": 0}, {"total": None}, {"state": "stopping"}])
def test_no_time_left_is_told_where_nobody_knows(changes: dict[str, object]) -> None:
    work = Work(kind="plan", state="running", done=3, total=12)
    assert left_ms(replace(work, **changes), 600.0) is None


async def test_the_time_so_far_is_told_although_nothing_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("charter_engine.service.work_manager.TICK_SECONDS", 0.02)
    hub = Hub()
    work, _ = told_by(hub)
    manager = WorkManager(hub)

    async def silent(_: Report) -> LearnResult:
        await asyncio.sleep(60)
        return FOUND

    manager.start("learn", "a.jsonl", silent)
    await until(lambda: len({item.elapsed_ms for item in work}) > 2)
    await manager.stop()


async def test_cancelled_work_has_ended_when_cancelling_returns() -> None:
    begun, manager = asyncio.Event(), WorkManager(Hub())
    manager.start("learn", "a.jsonl", partial(until_stopped, begun))
    await begun.wait()
    await manager.cancel()
    assert manager.work.state == "cancelled"
    assert manager.results == WorkResults()


async def test_work_cancelled_before_its_first_step_has_ended_too() -> None:
    manager = WorkManager(Hub())
    manager.start("learn", "a.jsonl", found_at_once)
    await manager.cancel()
    assert manager.work.state == "cancelled"


async def test_whoever_waits_is_told_of_a_cancellation() -> None:
    begun, manager = asyncio.Event(), WorkManager(Hub())
    working = partial(until_stopped, begun)
    waiting = asyncio.create_task(manager.result("learn", "a.jsonl", working))
    await begun.wait()
    await manager.cancel()
    with pytest.raises(CharterError, match="was cancelled"):
        await waiting


async def test_other_work_is_refused_meanwhile() -> None:
    begun, manager = asyncio.Event(), WorkManager(Hub())
    manager.start("learn", "a.jsonl", partial(until_stopped, begun))
    with pytest.raises(CharterError, match="learning reuse times is in progress"):
        manager.start("learn", "b.jsonl", found_at_once)
    await manager.stop()


async def test_nothing_in_progress_cannot_be_cancelled() -> None:
    with pytest.raises(CharterError, match="no work is in progress"):
        await WorkManager(Hub()).cancel()


async def test_a_refusal_is_shown_with_its_remedy() -> None:
    async def refused(_: Report) -> LearnResult:
        raise UsageError("a.jsonl: No such file", remedy="name a readable file")

    hub = Hub()
    _, events = told_by(hub)
    manager = WorkManager(hub)
    manager.start("learn", "a.jsonl", refused)
    await until(lambda: manager.work.state == "failed")
    assert manager.work.error == "a.jsonl: No such file"
    assert manager.work.remedy == "name a readable file"
    assert events[-1].level == "error"


async def test_a_defect_fails_the_work_and_not_the_engine() -> None:
    async def defective(_: Report) -> LearnResult:
        raise ZeroDivisionError("by zero")

    manager = WorkManager(Hub())
    manager.start("learn", "a.jsonl", defective)
    await until(lambda: manager.work.state == "failed")
    assert manager.work.error == "ZeroDivisionError: by zero"


async def test_work_that_reports_what_it_has_when_cancelled_keeps_it() -> None:
    async def partly(_: Report) -> LearnResult:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
        return FOUND

    manager = WorkManager(Hub())
    manager.start("learn", "a.jsonl", partly)
    await asyncio.sleep(0)
    await manager.cancel()
    assert (manager.work.state, manager.results.learn) == ("cancelled", FOUND)
