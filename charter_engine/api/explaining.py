"""Why requests that passed through a deployment missed what they missed."""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.api.recent_texts import RecentTexts
from charter_engine.contracts.explaining import MissQuery, MissReport, MissResult
from charter_engine.contracts.graph import Call
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.notes import Note
from charter_engine.contracts.sessions import SessionTraffic
from charter_engine.contracts.traffic import TrafficBatch
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.traffic.differences import Text
    from charter_engine.traffic.misses import Knowledge, Miss
    from charter_engine.triton.tap import TapReader

MOST_BY_TEXT = 200
"""Requests whose texts are fetched for one question: the last ones."""


KEPT = (
    "recent_prompts_bytes in the parameters of charter_bls is how much of them is kept; under "
    "`serve --no-text` none is"
)
"""How recent prompts are kept, by which words and causes are told."""


def calls_of(agent: str) -> tuple[Call, ...]:
    """The calls of an agent's source; none for no agent. Blocks. Raises `UsageError`."""
    if not agent:
        return ()
    from charter_engine.api.agents import agent_without_errors

    return agent_without_errors(Path(agent)).compiled.calls


async def report(
    batch: TrafficBatch, pool: KvPool | None, reader: "TapReader | None" = None
) -> MissReport:
    """What of some traffic was computed again. With a `reader`, the causes of the last requests are
    told by the texts that the deployment still has."""
    from charter_engine.traffic.costs import report_of

    found, knowledge = await told_apart(batch, pool)
    texts = RecentTexts(reader) if reader is not None else None
    told, notes = await _retold(found, found[-MOST_BY_TEXT:], knowledge, texts)
    summed = await asyncio.to_thread(report_of, told, knowledge.pool, batch.lost)
    return replace(summed, notes=notes)


async def explained(
    batch: TrafficBatch,
    query: MissQuery,
    pool: KvPool | None,
    reader: "TapReader | None",
    calls: Sequence[Call] = (),
) -> MissResult:
    """The explanations that are asked for, out of traffic that is known. With a `reader`, the texts
    of those are fetched that the deployment still has; with `calls`, places in the source are
    told. Raises `CharterError`."""
    found, knowledge = await told_apart(batch, pool)
    texts = RecentTexts(reader) if reader is not None else None
    asked = chosen(found, query)
    alike = [miss for miss in found[-MOST_BY_TEXT:] if miss not in asked]
    told, notes = await _retold(found, (*alike, *asked[-MOST_BY_TEXT:]), knowledge, texts, calls)
    return result_of(
        told, chosen(told, query), query, text=texts.text if texts else None, notes=notes
    )


async def sessions(batch: TrafficBatch, pool: KvPool | None) -> tuple[SessionTraffic, ...]:
    """The sessions of some traffic, those that were active last first, with what of their prompts
    was computed again and why, as hashes tell."""
    from charter_engine.traffic.session_figures import sessions_traffic

    found, _ = await told_apart(batch, pool)
    return await asyncio.to_thread(sessions_traffic, batch.records, found)


async def told_apart(batch: TrafficBatch, pool: KvPool | None) -> "tuple[list[Miss], Knowledge]":
    """The requests of some traffic told apart by their hashes, and what is known beside them."""
    from charter_engine.traffic.misses import heeding_reuse, misses
    from charter_engine.traffic.seen import seen_prompts

    knowledge = knowledge_of(pool)
    prompts = await asyncio.to_thread(seen_prompts, batch.records)
    found = await asyncio.to_thread(misses, prompts, knowledge)
    return found, heeding_reuse(found, knowledge)


async def _retold(
    found: "Sequence[Miss]",
    chosen: "Iterable[Miss]",
    knowledge: "Knowledge",
    texts: RecentTexts | None,
    calls: Sequence[Call] = (),
) -> "tuple[Sequence[Miss], tuple[Note, ...]]":
    """All that was found, the chosen requests by their texts; as they are where these are not to be
    had, and why."""
    if texts is None:
        return found, ()
    told = list(found)
    try:
        for miss in chosen:
            told[miss.facts.place] = await texts.retold(miss, knowledge, calls)
    except CharterError as error:
        return told, (
            Note(f"the words of prompts are not known: {error.message}", error.remedy or KEPT),
        )
    return told, ()


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

    costs = Costs(found)
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
        remedy = "charter-engine explain --last 10" if found else "send one through charter_bls"
        raise UsageError(_not_there(found, query), remedy=remedy)
    return asked


def knowledge_of(pool: KvPool | None) -> "Knowledge":
    """What a pool that was measured tells."""
    from charter_engine.kvcache.manager.settings import PoolSettings
    from charter_engine.traffic.misses import Knowledge

    if pool is None or pool.max_blocks < 1 or pool.tokens_per_block < 1:
        return Knowledge()
    return Knowledge(pool=PoolSettings(pool.max_blocks, pool.tokens_per_block))


def _not_there(found: "Sequence[Miss]", query: MissQuery) -> str:
    if not found:
        return "no request has passed yet"
    if query.session:
        return f"no request of session {query.session!r} is known"
    first, last = found[0].seen.request, found[-1].seen.request
    return f"request {query.request} is not known: {first} to {last} are"
