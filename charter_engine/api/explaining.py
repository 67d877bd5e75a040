"""Why requests that passed through a deployment missed what they missed."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from charter_engine.api.deployments import opened
from charter_engine.api.recent_texts import RecentTexts
from charter_engine.api.traffic import kept
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.explaining import MissQuery, MissReport, MissResult
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.notes import Note
from charter_engine.contracts.traffic import TrafficBatch
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.traffic.differences import Text
    from charter_engine.traffic.misses import Knowledge, Miss
    from charter_engine.triton.deploy import Deployer
    from charter_engine.triton.tap import TapReader

MOST_AT_ONCE = 50
"""Requests whose texts are fetched for one question."""


async def explain(query: MissQuery, triton: TritonOptions) -> MissResult:
    """Why the requests that are asked for missed. Raises `CharterError`, also where they are no
    longer known."""
    from charter_engine.triton.tap import TapReader

    async with opened(triton) as deployer:
        reader = TapReader(deployer.client)
        batch = kept(await reader.drain())
        return await explained(batch, query, await pool_of(deployer), reader)


async def misses_of(triton: TritonOptions) -> MissReport:
    """What of the last traffic was computed again: by cause, node and hour. Raises
    `CharterError`."""
    from charter_engine.triton.tap import TapReader

    async with opened(triton) as deployer:
        batch = kept(await TapReader(deployer.client).drain())
        return await asyncio.to_thread(report, batch, await pool_of(deployer))


def report(batch: TrafficBatch, pool: KvPool | None) -> MissReport:
    """What of some traffic was computed again. Blocks."""
    from charter_engine.traffic.costs import report_of
    from charter_engine.traffic.misses import misses
    from charter_engine.traffic.seen import seen_prompts

    knowledge = knowledge_of(pool)
    found = misses(seen_prompts(batch.records), knowledge)
    return report_of(found, knowledge.pool, batch.lost)


async def explained(
    batch: TrafficBatch, query: MissQuery, pool: KvPool | None, reader: "TapReader | None"
) -> MissResult:
    """The explanations that are asked for, out of traffic that is known. With a `reader`, the texts
    of those are fetched that the deployment still has. Raises `CharterError`."""
    from charter_engine.traffic.misses import heeding_reuse, misses
    from charter_engine.traffic.seen import seen_prompts

    knowledge = knowledge_of(pool)
    prompts = await asyncio.to_thread(seen_prompts, batch.records)
    found = await asyncio.to_thread(misses, prompts, knowledge)
    asked, notes = chosen(found, query), []
    texts = RecentTexts(reader) if reader is not None else None
    if texts is not None:
        try:
            heeding = heeding_reuse(found, knowledge)
            asked = [await texts.retold(miss, heeding) for miss in asked[-MOST_AT_ONCE:]]
        except CharterError as error:
            notes.append(Note(error.message, error.remedy))
    return result_of(found, asked, query, text=texts.text if texts else None, notes=notes)


def result_of(
    found: "Sequence[Miss]",
    asked: "Sequence[Miss]",
    query: MissQuery,
    *,
    text: "Text | None",
    notes: Sequence[Note] = (),
) -> MissResult:
    """What was found of the requests that were asked for, with what they cost."""
    from charter_engine.traffic.costs import Costs
    from charter_engine.traffic.explanations import explanation_of

    told = {miss.facts.place: miss for miss in asked}
    costs = Costs([told.get(miss.facts.place, miss) for miss in found])
    shown = text if query.with_text else None
    return MissResult(
        explanations=tuple(explanation_of(miss, costs.of(miss), shown) for miss in asked),
        notes=tuple(notes),
    )


def chosen(found: "Sequence[Miss]", query: MissQuery) -> "list[Miss]":
    """The requests that are asked for, oldest first. Raises `UsageError` where there are none."""
    if query.request:
        name = query.request.lstrip("#")
        asked = [miss for miss in found if miss.seen.request == name][-1:]
    elif query.session:
        asked = [miss for miss in found if miss.seen.session == query.session]
    else:
        asked = list(found)[-(query.last or 1) :]
    if query.last:
        asked = asked[-query.last :]
    if not asked:
        raise UsageError(_not_there(found, query), remedy="charter-engine explain --last 10")
    return asked


def knowledge_of(pool: KvPool | None) -> "Knowledge":
    """What a pool that was measured tells."""
    from charter_engine.kvcache.manager.settings import PoolSettings
    from charter_engine.traffic.misses import Knowledge

    if pool is None or pool.max_blocks < 1 or pool.tokens_per_block < 1:
        return Knowledge()
    return Knowledge(pool=PoolSettings(pool.max_blocks, pool.tokens_per_block))


async def pool_of(deployer: "Deployer") -> KvPool | None:
    """The pool by the deployment's metrics page; None where there is none."""
    import aiohttp

    from charter_engine.triton.errors import TritonError
    from charter_engine.triton.metrics import scrape

    async with aiohttp.ClientSession() as session:
        try:
            return (await scrape(session, deployer.target.metrics_url or "")).kv_pool
        except TritonError:
            return None


def _not_there(found: "Sequence[Miss]", query: MissQuery) -> str:
    if not found:
        return "no request has passed yet"
    if query.session:
        return f"no request of session {query.session!r} is known"
    first, last = found[0].seen.request, found[-1].seen.request
    return f"request {query.request} is not known: {first} to {last} are"
