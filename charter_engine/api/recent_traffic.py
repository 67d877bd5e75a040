"""What passed lately: by the deployment's tap, and by what an engine kept of it before."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.api.deployments import opened
from charter_engine.api.progress import Report, silent
from charter_engine.api.traffic import kept, pool_of, summary
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.explaining import MissQuery, MissResult
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.planning import PlanRequest, PlanResult
from charter_engine.contracts.traffic import TrafficBatch, TrafficRecord, TrafficSummary
from charter_engine.errors import CharterError, UsageError
from charter_engine.paths import database_path

if TYPE_CHECKING:
    from charter_engine.kvcache.workload.columns import Workload
    from charter_engine.triton.tap import TapReader

HOUR_SECONDS = 3600.0
EMBEDDED = "embedded"
"""What an engine calls the deployment that it started itself."""


async def overview(
    triton: TritonOptions, seconds: float | None = None, agent: str = ""
) -> tuple[TrafficBatch, TrafficSummary]:
    """What passed, in the last so many seconds or as far as the tap knows, and what it comes to: by
    node, and why tokens were computed again; by variables, too, where they are those of an `agent`,
    a file or a folder. Raises `CharterError`."""
    from charter_engine.api.explaining import calls_of, report

    calls = await asyncio.to_thread(calls_of, agent)
    async with _known(triton, seconds) as known:
        misses = await report(known.batch, known.pool, known.reader, calls, known.profile)
        return known.batch, replace(summary(known.batch), misses=misses)


async def explain(
    query: MissQuery, triton: TritonOptions, seconds: float | None = None
) -> MissResult:
    """Why the requests that are asked for missed, out of those of the last so many seconds or as
    far as the tap knows. Raises `CharterError`, also where they are no longer known."""
    from charter_engine.api.explaining import calls_of, explained

    calls = await asyncio.to_thread(calls_of, query.agent)
    async with _known(triton, seconds) as known:
        return await explained(known.batch, query, known.pool, known.reader, calls, known.profile)


@dataclass(frozen=True)
class _Known:
    """What is known of a deployment's traffic, with the reader of its tap where it answers."""

    batch: TrafficBatch
    pool: KvPool | None = None
    profile: Profile | None = None
    reader: "TapReader | None" = None


@asynccontextmanager
async def _known(triton: TritonOptions, seconds: float | None) -> AsyncIterator[_Known]:
    from charter_engine.triton.tap import TapReader

    begin = None if seconds is None else time.time() - seconds
    before = () if begin is None else await kept_since(triton, begin)
    async with AsyncExitStack() as stack:
        try:
            deployer = await stack.enter_async_context(opened(triton))
            reader = TapReader(deployer.client)
            batch = _since(kept(await reader.drain()), before, begin)
            pool, profile = await pool_of(deployer), await deployer.profile()
            known = _Known(batch, pool, profile, reader)
        except CharterError:
            if not before:
                raise
            known = _Known(TrafficBatch(records=before))
        yield known


def _since(
    batch: TrafficBatch, known: Sequence[TrafficRecord], begin: float | None
) -> TrafficBatch:
    """What the tap tells with what an engine kept, from an epoch second on."""
    later = [item for item in batch.records if begin is None or item.at >= begin]
    return replace(batch, records=joined(known, later))


async def kept_since(triton: TritonOptions, begin: float) -> tuple[TrafficRecord, ...]:
    """What an engine on this machine kept of a deployment's traffic from that epoch second on.
    Raises `CharterError`."""
    from charter_engine.store.database import Store, StoreError

    path = database_path()
    if not path.exists():
        return ()
    try:
        async with Store(path) as store:
            return await store.traffic(triton.url or EMBEDDED, begin)
    except (StoreError, OSError) as error:
        raise CharterError(str(error)) from error


def joined(*parts: Iterable[TrafficRecord]) -> tuple[TrafficRecord, ...]:
    """All these records once, by their arrival."""
    once = {(item.at, item.sequence): item for part in parts for item in part}
    return tuple(once[name] for name in sorted(once))


def as_workload(records: Sequence[TrafficRecord]) -> "Workload":
    """What passed as a workload. Raises `UsageError` where nothing did."""
    from charter_engine.traffic.workload import workload_of

    workload = workload_of(records)
    if not len(workload):
        raise UsageError(
            "no answered request passed in that time", remedy="name a longer time, or wait"
        )
    return workload


async def plan_on_traffic(
    request: PlanRequest, triton: TritonOptions, report: Report = silent
) -> PlanResult:
    """Plan on what passed through a deployment in the last `from_traffic_s` seconds, for the pool
    that it has and by what it can do. Raises `CharterError`."""
    from charter_engine.api.planning import plan

    seconds = request.from_traffic_s or HOUR_SECONDS
    async with _known(triton, seconds) as known:
        asked = planned_for(request, known.pool, known.profile)
    named = replace(asked, workload=f"traffic of the last {seconds:,.0f} s")
    return await asyncio.to_thread(plan, named, None, report, as_workload(known.batch.records))


def planned_for(request: PlanRequest, pool: KvPool | None, profile: Profile | None) -> PlanRequest:
    """The request for a deployment with this pool and profile, as far as they are known and it does
    not say otherwise itself."""
    from charter_engine.api.live_planning import on_deployment

    found = on_deployment(request, None, pool, profile)
    return replace(
        found,
        agent=request.agent,
        profile=request.profile or (None if request.profile_file else found.profile),
        profile_file=request.profile_file,
        tokens_per_block=request.tokens_per_block or found.tokens_per_block,
        pool_tokens=request.pool_tokens or found.pool_tokens,
        bytes_per_token=request.bytes_per_token or found.bytes_per_token,
    )
