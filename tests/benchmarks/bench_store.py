"""The database with a month in it: its size, how long what a console asks takes, what keeping costs
an idle engine, and how long it takes to compare two runs of 10,000 requests.

Bars: a month below 500 MB; every question below 50 ms at the 95th percentile; two runs compared in
less than 1 s; an idle engine below 1 % of a processor, its memory flat.
"""

import asyncio
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from charter_engine.api.runs import compare
from charter_engine.contracts.gauges import Triton
from charter_engine.contracts.live import KvPool, NodeStats, RequestRecord, RunReport, TritonSample
from charter_engine.contracts.series import Tick
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.executor.run_costs import cost_of_run
from charter_engine.service.hub import Hub
from charter_engine.service.series import Series
from charter_engine.service.session_store import SessionStore
from charter_engine.store.database import Store
from charter_engine.store.tick_table import DAY, LEVELS

SIZE_BAR_MB, QUESTION_BAR_MS, COMPARE_BAR_S, IDLE_BAR = 500, 50.0, 1.0, 0.01
SCREEN = 200
RUNS, REQUESTS_OF_A_RUN, REQUESTS_COMPARED = 200, 200, 10_000
PASSED, PROMPT_TOKENS = 50_000, 8_000
ASKED = 40
IDLE_HOURS, SETTLED_HOURS = 48, 24
HERE = "embedded"


def request(run: str, number: int, draw: random.Random) -> RequestRecord:
    return RequestRecord(
        run=run,
        node=f"Agent.step_{number % 8}:output",
        item=number // 8,
        started_at=time.time() - 10_000 + number,
        prompt_tokens=2_000,
        reused_tokens=draw.randrange(2_000),
        output_tokens=200,
        reused_blocks=30,
        missed_blocks=32,
        ttft_ms=100 * draw.random(),
        latency_ms=1_000 * draw.random(),
    )


def report(run: str, count: int, draw: random.Random) -> RunReport:
    requests = tuple(request(run, number, draw) for number in range(count))
    nodes = tuple(NodeStats(node=f"Agent.step_{n}:output") for n in range(8))
    return RunReport(
        run=run,
        agent="agent.py",
        variant="plan",
        state="done",
        items=count // 8,
        elapsed_ms=1e6,
        nodes=nodes,
        requests=requests,
        cost=cost_of_run(requests, count // 8, 1e6),
    )


def second(at: float, draw: random.Random) -> Tick:
    return Tick(
        at=at,
        requests=draw.randrange(5),
        prompt_tokens=2_000,
        computed_tokens=draw.randrange(2_000),
        ttft_ms=100 * draw.random(),
        pool_used=draw.random(),
        waiting=1.0,
        gpu_utilization=draw.random(),
        gpu_memory_used=draw.random(),
    )


async def fill(store: Store, draw: random.Random) -> None:
    """A month of one deployment, as much of each thing as is kept."""
    session = await store.begin_session("agent.py", HERE)
    for number in range(RUNS):
        await store.save_run(session, report(f"run {number}", REQUESTS_OF_A_RUN, draw))
    for name in ("before", "after"):
        await store.save_run(session, report(name, REQUESTS_COMPARED, draw))
    hashes = draw.randbytes(8 * PROMPT_TOKENS // 16)
    for begin in range(0, PASSED, 1_000):
        records = [
            TrafficRecord(
                at=time.time() - PASSED + number,
                sequence=number,
                node="Agent.step",
                prompt_tokens=PROMPT_TOKENS,
                output_tokens=200,
                hashes=hashes,
            )
            for number in range(begin, begin + 1_000)
        ]
        await store.save_traffic(HERE, "tap", records)
    await fill_ticks(store, draw)


async def fill_ticks(store: Store, draw: random.Random) -> None:
    """Every row that is kept, whatever the seconds it is of."""
    now = time.time()
    for level in LEVELS:
        columns = [second(now - at, draw) for at in range(level.kept - 1, 0, -level.step)]
        rows = [
            (HERE, level.step, int(one.at), one.at, level.step, 2, 2_000, 900)
            + (one.ttft_ms, one.pool_used, 1.0, one.gpu_utilization)
            + (0.1, 0.9) * 5
            + (one.gpu_memory_used, 0.1, 0.9)
            for one in columns
        ]
        async with store._transaction() as connection:
            marks = ", ".join("?" * len(rows[0]))
            await connection.executemany(f"INSERT OR REPLACE INTO tick VALUES ({marks})", rows)


async def questions(store: Store) -> float:
    """Ask all that a console asks, again and again; the slowest 95th percentile."""
    now = time.time()
    asked: dict[str, Callable[[], Awaitable[object]]] = {
        "the last hour": lambda: store.ticks(HERE, now - 3_600, now, SCREEN),
        "a day": lambda: store.ticks(HERE, now - DAY, now, SCREEN),
        "a week": lambda: store.ticks(HERE, now - 7 * DAY, now, SCREEN),
        "a month": lambda: store.ticks(HERE, now - 30 * DAY, now, SCREEN),
        "the runs": store.kept_runs,
        "a run's requests": lambda: store.requests("run 7"),
        "the last 500 that passed": lambda: store.traffic(HERE, 0.0, 500),
    }
    worst = 0.0
    for name, ask in asked.items():
        times = []
        for _ in range(ASKED):
            begin = time.perf_counter()
            await ask()
            times.append((time.perf_counter() - begin) * 1000)
        p95 = statistics.quantiles(times, n=20)[-1]
        worst = max(worst, p95)
        print(f"  {name}: median {statistics.median(times):.1f} ms, p95 {p95:.1f} ms")
    return worst


async def idle(path: Path) -> tuple[float, float]:
    """An engine that measures and keeps for two days without a request: its share of a processor,
    and by how many MB its memory grew after the first day."""
    moment = [time.time() - IDLE_HOURS * 3_600]
    hub = Hub(lambda: moment[0])
    store = SessionStore(hub)
    await store.open(path, "", HERE)
    pool = KvPool(max_blocks=4_096, free_blocks=4_000, used_blocks=96, tokens_per_block=32)
    series = Series(hub, store)
    begin = time.process_time()
    settled = 0.0
    for number in range(IDLE_HOURS * 3_600):
        moment[0] += 1
        hub.publish(Triton(TritonSample(health="ready", kv_pool=pool)))
        await series.tick()
        if number == SETTLED_HOURS * 3_600:
            settled = _peak_mb()
        if number % 10 == 0:
            await series._keep()
    share = (time.process_time() - begin) / (IDLE_HOURS * 3_600)
    await series.stop()
    await store.close()
    return share, _peak_mb() - settled


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def measure(folder: Path) -> bool:
    share, grown = await idle(folder / "idle.db")
    print(
        f"measuring and keeping, idle: {share:.2%} of a processor (bar {IDLE_BAR:.0%}), "
        f"{grown:.1f} MB more after two days than after one"
    )
    path = folder / "charter.db"
    async with Store(path) as store:
        await fill(store, random.Random(7))
        size = await store.used_bytes() / 1e6
        print(f"a month: {size:,.0f} MB (bar {SIZE_BAR_MB} MB); asked for {SCREEN} columns:")
        worst = await questions(store)
        print(f"  slowest: {worst:.1f} ms (bar {QUESTION_BAR_MS:.0f} ms)")
    begin, used = time.perf_counter(), time.process_time()
    await compare(RUNS + 1, RUNS + 2, path)
    took, used = time.perf_counter() - begin, time.process_time() - used
    print(
        f"two runs of {REQUESTS_COMPARED:,} requests compared in {took:.2f} s, {used:.2f} s of a "
        f"processor (bar {COMPARE_BAR_S:.0f} s)"
    )
    return (
        share < IDLE_BAR and size < SIZE_BAR_MB and worst < QUESTION_BAR_MS and used < COMPARE_BAR_S
    )


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        return 0 if asyncio.run(measure(Path(folder))) else 1


if __name__ == "__main__":
    sys.exit(main())
