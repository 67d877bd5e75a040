"""Runs the work of every variant in turn, so that whatever else the machine does meets all of them
alike."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.live import KvPool, RunReport
from charter_engine.executor.bench.recorder import Exchange, MeasuringTarget
from charter_engine.executor.bench.records import BatchCell
from charter_engine.executor.bench.summary import Observed, token_hit_rate
from charter_engine.executor.bench.variants import Variant
from charter_engine.executor.inputs import Inputs
from charter_engine.executor.run import AgentRun, RunSettings
from charter_engine.executor.target import GenerateRequest
from charter_engine.executor.totals import NodeTotals
from charter_engine.executor.work import Item, items_of
from charter_engine.kvcache import PoolSettings
from charter_engine.prompts.assembly import Piece

POLL_SECONDS = 0.1
"""Between two looks at the blocks in use; the engine renews its gauges every 0.1 s."""
WARM_UP_TEXT = "These words only warm the server up; no agent sends them. " * 40
WARM_UP_TOKENS = 8
GAVE_UP = "stopped:"
"""How a run's last error begins when its server no longer answers."""

Progress = Callable[[str], None]


class ServerLost(Exception):
    """A variant's server stopped answering; what was measured until then stands."""


@dataclass
class Lane:
    """One variant with the server that serves it and nothing else. `read_pool` gives its gauges,
    None without any."""

    variant: Variant
    recorder: MeasuringTarget
    read_pool: Callable[[], Awaitable[KvPool | None]]
    pool: PoolSettings | None = None
    warm_up: tuple[Exchange, ...] = ()
    exchanges: list[Exchange] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    failures: int = 0
    elapsed_ms: float = 0.0
    peak_blocks: int | None = None

    def observed(self) -> Observed:
        """What is known so far."""
        return Observed(
            variant=self.variant,
            warm_up=self.warm_up,
            exchanges=tuple(self.exchanges),
            errors=tuple(dict.fromkeys(self.errors)),
            failures=self.failures,
            elapsed_ms=self.elapsed_ms,
            pool=self.pool,
            peak_blocks=self.peak_blocks,
        )


async def warm_up(lanes: Sequence[Lane]) -> None:
    """One request to every server that shares no text with the agent's. Raises `TargetError`."""
    for lane in lanes:
        prompt = (Piece(WARM_UP_TEXT, "static", "", 0),)
        recorder = MeasuringTarget(lane.recorder.inner, lane.recorder.tokenizer)
        await recorder.generate(
            GenerateRequest(request_id="warm-up", node="", prompt=prompt, max_tokens=WARM_UP_TOKENS)
        )
        lane.warm_up = tuple(recorder.exchanges)


async def measure(
    lanes: Sequence[Lane],
    compiled: CompiledFile,
    iterations: Sequence[Sequence[Inputs]],
    progress: Progress,
) -> None:
    """Every iteration on every lane, one request after another, beginning with another lane each
    time."""
    for number, inputs in enumerate(iterations):
        start = number % len(lanes)
        for lane in (*lanes[start:], *lanes[:start]):
            progress(f"iteration {number + 1} of {len(iterations)}: {lane.variant.name}")
            items = items_of(compiled.calls, inputs, lane.variant.plan)
            async with _collected(lane):
                await _run(lane, compiled, items, 1)


async def measure_batches(
    lanes: Sequence[Lane],
    compiled: CompiledFile,
    passes: Sequence[Sequence[Inputs]],
    progress: Progress,
) -> tuple[BatchCell, ...]:
    """Each lane's items of a pass one after another and all at once. Every cell takes the next of
    `passes` in turn, so that none finds another's items in the cache."""
    work: dict[tuple[int, bool], list[tuple[list[Exchange], RunReport]]] = {}
    cells = [(lane, parallel) for parallel in (False, True) for lane in range(len(lanes))]
    for number, inputs in enumerate(passes):
        lane_number, parallel = cells[number % len(cells)]
        lane = lanes[lane_number]
        progress(f"{lane.variant.name}: a batch {'at once' if parallel else 'one after another'}")
        items = items_of(compiled.calls, inputs, lane.variant.plan)
        report = await _run(lane, compiled, items, len(items) if parallel else 1)
        work.setdefault((lane_number, parallel), []).append((list(lane.recorder.exchanges), report))
        lane.recorder.exchanges.clear()
    return tuple(
        _cell(lanes[lane].variant.name, parallel, done) for (lane, parallel), done in work.items()
    )


def _cell(variant: str, parallel: bool, done: list[tuple[list[Exchange], RunReport]]) -> BatchCell:
    exchanges = [one for part, _ in done for one in part]
    elapsed = sum(report.elapsed_ms for _, report in done)
    told = [one.generation.ttft_ms for one in exchanges if one.generation.ttft_ms is not None]
    return BatchCell(
        variant=variant,
        concurrency=max(report.items for _, report in done) if parallel else 1,
        requests=len(exchanges),
        elapsed_ms=elapsed,
        requests_per_s=len(exchanges) / elapsed * 1000 if elapsed else 0.0,
        prefill_ms=sum(told) / len(told) if told else None,
        token_hit_rate=token_hit_rate(exchanges),
    )


async def _run(
    lane: Lane, compiled: CompiledFile, items: Sequence[Item], concurrency: int
) -> RunReport:
    run = AgentRun(
        compiled=compiled,
        plan=lane.variant.plan,
        items=items,
        target=lane.recorder,
        totals=NodeTotals(call.id for call in compiled.calls),
        settings=RunSettings(run=lane.variant.name, concurrency=concurrency),
    )
    report = await run.execute()
    lane.errors += report.errors
    lane.errors += [record.error for record in report.requests if record.error is not None]
    lane.failures += sum(record.error is not None for record in report.requests)
    if report.errors and report.errors[-1].startswith(GAVE_UP):
        raise ServerLost(f"{lane.variant.name}: {report.errors[-1]}")
    return report


@contextlib.asynccontextmanager
async def _collected(lane: Lane) -> AsyncIterator[None]:
    """Take over what a turn sent, whole or cut short, with its time and the blocks it used at
    most."""
    watcher = asyncio.create_task(_watch(lane))
    start = time.perf_counter()
    try:
        yield
    finally:
        lane.elapsed_ms += (time.perf_counter() - start) * 1000
        watcher.cancel()
        lane.exchanges += lane.recorder.exchanges
        lane.recorder.exchanges.clear()


async def _watch(lane: Lane) -> None:
    while (gauges := await lane.read_pool()) is not None:
        if gauges.used_blocks:  # an idle moment says nothing about the requests around it
            lane.peak_blocks = max(lane.peak_blocks or 0, gauges.used_blocks)
        await asyncio.sleep(POLL_SECONDS)
