"""Runs that were kept: listed, shown, and compared."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.costs import RunCost, Verdict
from charter_engine.contracts.live import RequestRecord, RunReport
from charter_engine.contracts.request_query import RequestList, RequestQuery
from charter_engine.contracts.runs import RunComparison, RunDetail, RunList, RunSummary
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.contracts.benching import VariantReport
    from charter_engine.contracts.planning import Derivation
    from charter_engine.contracts.prediction import Prediction
    from charter_engine.store.database import KeptRun, Store

EMBEDDED = "embedded"
"""What stands for a Triton of Charter's own in place of an address."""


async def runs(agent: str = "", database: Path | None = None) -> RunList:
    """The last runs on record, the latest first, of the agent of that name (empty: of all).

    Raises `CharterError` where the database can't be read.
    """
    async with _opened(database) as store:
        found = [summary_of_kept(kept) for kept in await store.kept_runs()]
    return RunList(tuple(one for one in found if agent in ("", Path(one.agent).stem)))


async def run_of(number: int, database: Path | None = None) -> RunDetail:
    """One run with its requests. Raises `CharterError`; `UsageError` where there is none."""
    async with _opened(database) as store:
        return await detail(store, number)


async def compare(before: int, after: int, database: Path | None = None) -> RunComparison:
    """How the second run differs from the first. Raises as `run_of` does, and `UsageError` for one
    run twice."""
    if before == after:
        raise UsageError(
            f"run {before} is compared with itself",
            remedy="name two runs: charter-engine runs list shows those on record",
        )
    async with _opened(database) as store:
        return compared(await detail(store, before), await detail(store, after))


async def beside(number: int, database: Path | None = None) -> RunComparison | None:
    """The run beside the last one of the same agent as written, on a deployment of the same name.

    None where it is one as written itself, or there is none. Raises as `run_of` does.
    """
    found = await runs(database=database)
    own = next((run for run in found.runs if run.number == number), None)
    if own is None or own.as_written:
        return None
    alike = (own.fingerprint, own.deployment)
    others = [run for run in found.runs if (run.fingerprint, run.deployment) == alike]
    written = next((run for run in others if run.as_written and run.state == "done"), None)
    return None if written is None else await compare(written.number, number, database)


async def find_requests(query: RequestQuery, database: Path | None = None) -> RequestList:
    """Requests on record, the latest first: those of runs, and those that passed through a
    deployment. Raises `CharterError`; `UsageError` for a run that there is not."""
    async with _opened(database) as store:
        run = await _run_id(store, query)
        found = await _matching(query, store.latest_requests(run, query.since))
        for deployment in () if query.run is not None else await store.deployments():
            found += await _matching(query, _passed(store, deployment, query.since))
    found.sort(key=lambda one: -one.started_at)
    return RequestList(requests=tuple(found[: query.limit]), more=len(found) > query.limit)


async def _passed(
    store: "Store", deployment: str, since: float | None
) -> AsyncGenerator[RequestRecord]:
    """What passed through a deployment, but for runs: theirs are on record as such."""
    from charter_engine.api.traffic import request_of

    async with aclosing(store.latest_traffic(deployment, since)) as records:
        async for record in records:
            if record.source != "run":
                yield request_of(record)


async def _run_id(store: "Store", query: RequestQuery) -> str | None:
    if query.run is None:
        return None
    return (await detail(store, query.run)).summary.run


async def _matching(
    query: RequestQuery, records: AsyncGenerator[RequestRecord]
) -> list[RequestRecord]:
    """The first that are asked for, and one more if there is one."""
    found: list[RequestRecord] = []
    async with aclosing(records):
        async for record in records:
            if _matches(query, record):
                found.append(record)
            if len(found) > query.limit:
                break
    return found


def _matches(query: RequestQuery, record: RequestRecord) -> bool:
    named = record.node == query.node or record.node.endswith(f".{query.node}")
    slower, more = query.slower_than_ms, query.computed_more_than
    return (
        (not query.node or named)
        and query.request_id in ("", record.request_id)
        and (not query.failed or record.error is not None)
        and (slower is None or (record.latency_ms or 0.0) > slower)
        and (more is None or (record.computed_tokens or 0) > more)
    )


async def keep(report: RunReport, triton: TritonOptions, database: Path | None = None) -> int:
    """Keep a finished run; its number. Raises `CharterError`."""
    from charter_engine.store.database import StoreError

    async with _opened(database) as store:
        try:
            session = await store.begin_session(report.agent, triton.url or EMBEDDED)
            number = await store.save_run(session, report)
            await store.end_session(session)
        except StoreError as error:
            raise CharterError(f"the run was not kept: {error}") from error
    return number


async def detail(store: "Store", number: int) -> RunDetail:
    """One run of an open database with its requests. Raises `UsageError` where there is none."""
    kept = await store.kept_run(number)
    if kept is None:
        raise UsageError(
            f"there is no run {number}", remedy="charter-engine runs list shows those on record"
        )
    return RunDetail(
        summary=summary_of_kept(kept),
        plan=kept.report.plan,
        requests=await store.requests(kept.report.run),
        errors=kept.report.errors,
    )


def compared(before: RunDetail, after: RunDetail) -> RunComparison:
    """How the second run differs from the first."""
    from charter_engine.executor.comparison import compare as statistics_of

    found = statistics_of(before.summary, after.summary, before.requests, after.requests)
    return found if before.plan is None or after.plan is None else _by_lever(found, before, after)


def _by_lever(found: RunComparison, before: RunDetail, after: RunDetail) -> RunComparison:
    """The comparison with the levers that differ; of several nobody can say which it was."""
    from charter_engine.plan.levers import differing

    assert before.plan is not None
    assert after.plan is not None
    levers = differing(before.plan, after.plan)
    several = (f"{len(levers)} levers differ: what each of them brings, a benchmark tells",)
    notes = (*found.notes, *(several if len(levers) > 1 else ()))
    return replace(found, levers=levers, notes=notes)


def summary_of_kept(kept: "KeptRun") -> RunSummary:
    """A run on record as an object of its own."""
    return summary_of(kept.report, kept.number, kept.deployment)


def summary_of(report: RunReport, number: int, deployment: str) -> RunSummary:
    """A finished run as an object of its own."""
    from charter_engine.executor.run_costs import is_as_written

    return RunSummary(
        number=number,
        run=report.run,
        variant=report.variant,
        state=report.state,
        as_written=is_as_written(report.variant, report.plan),
        agent=report.agent,
        fingerprint=report.identity.fingerprint if report.identity else "",
        deployment=deployment,
        revision=report.revision,
        started_at=report.started_at,
        earlier=report.earlier,
        cost=report.cost or RunCost(items=report.items, whole_ms=report.elapsed_ms),
    )


def cost_verdict(before: RunCost, after: RunCost) -> Verdict:
    """What one run paid against another."""
    from charter_engine.executor.run_costs import verdict

    return verdict(before, after)


def prediction_verdict(before: "Prediction", after: "Prediction", items: int) -> Verdict:
    """What one prediction pays against another on the same inputs."""
    from charter_engine.executor.run_costs import verdict

    return verdict(before.cost(items), after.cost(items))


def plan_verdict(found: "Derivation") -> Verdict:
    """What a proposed plan is predicted to pay against the deployment as it is."""
    from charter_engine.executor.run_costs import cost_of_point, verdict

    return verdict(cost_of_point(found.as_it_is), cost_of_point(found.chosen))


def variant_verdict(before: "VariantReport", after: "VariantReport") -> Verdict:
    """What one variant of a benchmark paid against another."""
    from charter_engine.executor.run_costs import cost_of_variant, verdict

    return verdict(cost_of_variant(before), cost_of_variant(after))


@asynccontextmanager
async def _opened(database: Path | None) -> "AsyncIterator[Store]":
    from charter_engine import paths
    from charter_engine.store.database import Store, StoreError

    try:
        async with Store(database or paths.database_path()) as store:
            yield store
    except StoreError as error:
        raise CharterError(str(error)) from error
