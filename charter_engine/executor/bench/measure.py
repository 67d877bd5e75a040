"""Runs the work of every variant in turn, so that whatever else the machine does meets all of them
alike."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from charter_engine.contracts.benching import BatchCell
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.live import KvPool, RunReport
from charter_engine.executor.bench.recorder import Exchange, MeasuringTarget
from charter_engine.executor.bench.summary import Observed, token_hit_rate, total_of
from charter_engine.executor.bench.variants import Variant
from charter_engine.executor.inputs import Inputs
from charter_engine.executor.run import AgentRun, RunSettings
from charter_engine.executor.totals import NodeTotals
from charter_engine.executor.work import Item, items_of
from charter_engine.kvcache import PoolSettings
from charter_engine.traffic.percentiles import percentiles
from charter_engine.triton.request import GenerateRequest, PromptPart

POLL_SECONDS = 0.1
"""Between two looks at the blocks in use; the engine renews its gauges every 0.1 s."""
WARM_UP_TEXT = "These words only warm the server up; no agent sends them. " * 40
WARM_UP_TOKENS = 8
"""Assumed: enough for each part of an engine to have run once."""
GAVE_UP = "stopped:"
"""How a run's last error begins when its server no longer answers."""

Progress = Callable[[str], None]


class ServerLost(Exception):
    """A variant's server stopped answering; what was measured until then stands."""


@dataclass
class MeasuredServer:
    """One variant with the server that serves it and nothing else. `read_pool` gives its gauges,
    None without any. `batch_in_waves` is whether a batch at once is sent in waves."""

    variant: Variant
    recorder: MeasuringTarget
    read_pool: Callable[[], Awaitable[KvPool | None]]
    pool: PoolSettings | None = None
    batch_in_waves: bool = False
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


async def warm_up(servers: Sequence[MeasuredServer]) -> None:
    """One request to every server that shares no text with the agent's. Raises `TargetError`."""
    for server in servers:
        recorder = MeasuringTarget(server.recorder.inner, server.recorder.tokenizer)
        await recorder.generate(
            GenerateRequest(
                request_id="warm-up", parts=(PromptPart(WARM_UP_TEXT),), max_tokens=WARM_UP_TOKENS
            )
        )
        server.warm_up = tuple(recorder.exchanges)


async def measure(
    servers: Sequence[MeasuredServer],
    compiled: CompiledFile,
    iterations: Sequence[Sequence[Inputs]],
    progress: Progress,
) -> None:
    """Every iteration on every server, one request after another, beginning with another server
    each time."""
    for number, inputs in enumerate(iterations):
        start = number % len(servers)
        for server in (*servers[start:], *servers[:start]):
            progress(f"iteration {number + 1} of {len(iterations)}: {server.variant.name}")
            items = items_of(compiled.calls, inputs, server.variant.plan)
            async with _collected(server):
                await _run(server, compiled, items, 1)


async def measure_batches(
    servers: Sequence[MeasuredServer],
    compiled: CompiledFile,
    passes: Sequence[Sequence[Inputs]],
    progress: Progress,
    at_once: Sequence[int | None] = (1, None),
) -> tuple[BatchCell, ...]:
    """Each server's items of a pass, so many `at_once` (None: all of them). Every cell takes the
    next of `passes` in turn, so that none finds another's items in the cache."""
    work: dict[tuple[int, int | None], list[tuple[list[Exchange], RunReport]]] = {}
    cells = [(server, most) for most in at_once for server in range(len(servers))]
    for number, inputs in enumerate(passes):
        server_number, most = cells[number % len(cells)]
        server = servers[server_number]
        progress(f"{server.variant.name}: a batch, {most or 'all'} at once")
        items = items_of(compiled.calls, inputs, server.variant.plan)
        in_waves = most != 1 and server.batch_in_waves
        report = await _run(server, compiled, items, most or len(items), in_waves=in_waves)
        work.setdefault((server_number, most), []).append((list(server.recorder.exchanges), report))
        server.recorder.exchanges.clear()
    return tuple(
        _cell(servers[server].variant.name, most, done) for (server, most), done in work.items()
    )


def _cell(
    variant: str, most: int | None, done: list[tuple[list[Exchange], RunReport]]
) -> BatchCell:
    exchanges = [one for part, _ in done for one in part]
    elapsed = sum(report.elapsed_ms for _, report in done)
    told = [one.generation.ttft_ms for one in exchanges if one.generation.ttft_ms is not None]
    return BatchCell(
        variant=variant,
        concurrency=most or max(report.items for _, report in done),
        requests=len(exchanges),
        elapsed_ms=elapsed,
        requests_per_s=len(exchanges) / elapsed * 1000 if elapsed else 0.0,
        prefill_ms=sum(told) / len(told) if told else None,
        token_hit_rate=token_hit_rate(exchanges),
        prompt_tokens=total_of(exchanges, "prompt_tokens"),
        ttft_p95_ms=waited.p95 if (waited := percentiles(told)) else None,
    )


async def _run(
    server: MeasuredServer,
    compiled: CompiledFile,
    items: Sequence[Item],
    concurrency: int,
    *,
    in_waves: bool = False,
) -> RunReport:
    run = AgentRun(
        compiled=compiled,
        plan=server.variant.plan,
        items=items,
        target=server.recorder,
        totals=NodeTotals(call.id for call in compiled.calls),
        settings=RunSettings(run=server.variant.name, concurrency=concurrency, in_waves=in_waves),
    )
    report = await run.execute()
    server.errors += report.errors
    server.errors += [record.error for record in report.requests if record.error is not None]
    server.failures += sum(record.error is not None for record in report.requests)
    if report.errors and report.errors[-1].startswith(GAVE_UP):
        raise ServerLost(f"{server.variant.name}: {report.errors[-1]}")
    return report


@contextlib.asynccontextmanager
async def _collected(server: MeasuredServer) -> AsyncIterator[None]:
    """Take over what a turn sent, whole or cut short, with its time and the blocks it used at
    most."""
    watcher = asyncio.create_task(_watch(server))
    start = time.perf_counter()
    try:
        yield
    finally:
        server.elapsed_ms += (time.perf_counter() - start) * 1000
        watcher.cancel()
        server.exchanges += server.recorder.exchanges
        server.recorder.exchanges.clear()


async def _watch(server: MeasuredServer) -> None:
    while (gauges := await server.read_pool()) is not None:
        if gauges.used_blocks:  # an idle moment says nothing about the requests around it
            server.peak_blocks = max(server.peak_blocks or 0, gauges.used_blocks)
        await asyncio.sleep(POLL_SECONDS)
