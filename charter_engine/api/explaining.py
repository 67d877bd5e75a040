"""Why requests that passed through a deployment missed what they missed."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from msgspec.structs import replace

from charter_engine.api.recent_texts import PromptReader, RecentTexts
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.explaining import CauseKind, MissQuery, MissReport, MissResult
from charter_engine.contracts.graph import Call
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.notes import Note
from charter_engine.contracts.sessions import SessionTraffic
from charter_engine.contracts.traffic import TrafficBatch
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.api.told_causes import ToldCauses
    from charter_engine.traffic.differences import Text
    from charter_engine.traffic.misses import Knowledge, Miss

MOST_BY_TEXT = 200
"""Requests whose texts are fetched for one question: the last ones."""
ALL: frozenset[CauseKind] = frozenset(get_args(CauseKind))
UNNAMED: frozenset[CauseKind] = frozenset({"other text"})
"""The kinds of causes to which a place in the source gives a name: that of its variable."""
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
    batch: TrafficBatch,
    pool: KvPool | None,
    reader: PromptReader | None = None,
    calls: Sequence[Call] = (),
    profile: Profile | None = None,
    remembered: "ToldCauses | None" = None,
) -> MissReport:
    """What of some traffic was computed again. With a `reader`, the causes of the last requests are
    told by the texts that the deployment still has, and of earlier ones as `remembered`; with
    `calls`, by the variables that made them. What `profile` does not say of the pool is assumed."""
    from charter_engine.traffic.costs import report_of

    found, knowledge = await told_apart(batch, pool, profile)
    texts = RecentTexts(reader) if reader is not None else None
    latest = found[-MOST_BY_TEXT:]
    told, notes = await _retold(found, latest, knowledge, texts, calls, UNNAMED, remembered)
    summed = await asyncio.to_thread(report_of, told, knowledge.pool, batch.lost)
    notes = (*notes, *_by_hashes(len(found)), *_assumed(pool, profile))
    return replace(summed, notes=notes)


def _by_hashes(requests: int) -> tuple[Note, ...]:
    """What is told of the causes where not all texts are looked at."""
    if requests <= MOST_BY_TEXT:
        return ()
    return (
        Note(
            f"the causes of the last {MOST_BY_TEXT} requests are told by their texts, those of the "
            f"{requests - MOST_BY_TEXT:,} before by hashes alone",
            "charter-engine explain REQUEST looks at the texts of one, as far as they are kept",
        ),
    )


async def explained(
    batch: TrafficBatch,
    query: MissQuery,
    pool: KvPool | None,
    reader: PromptReader | None,
    calls: Sequence[Call] = (),
    profile: Profile | None = None,
    remembered: "ToldCauses | None" = None,
) -> MissResult:
    """The explanations that are asked for, out of traffic that is known. With a `reader`, the texts
    of those are fetched that the deployment still has, and others are told as `remembered`; with
    `calls`, places in the source are told. What `profile` does not say of the pool is assumed.
    Raises `CharterError`."""
    query = by_number(batch, query)
    found, knowledge = await told_apart(batch, pool, profile)
    texts = RecentTexts(reader) if reader is not None else None
    asked = chosen(found, query)
    alike = [miss for miss in found[-MOST_BY_TEXT:] if miss not in asked]
    again = (*alike, *asked[-MOST_BY_TEXT:])
    told, notes = await _retold(found, again, knowledge, texts, calls, ALL, remembered)
    asked = chosen(told, query)
    notes = (
        *notes,
        *_by_hashes(len(asked)),
        *no_place(query.agent, calls, asked),
        *_assumed(pool, profile),
    )
    return result_of(told, asked, query, text=texts.text if texts else None, notes=notes)


def no_place(agent: str, calls: Sequence[Call], told: "Sequence[Miss]") -> tuple[Note, ...]:
    """Why no line of the source of an `agent` that was named is told; nothing where one is."""
    if not agent or any(miss.cause.path for miss in told):
        return ()
    nodes = sorted({miss.seen.node for miss in told} - {""})
    known = sorted(call.id for call in calls)
    if nodes and not set(nodes) & set(known):
        why = f"these requests are of {', '.join(nodes)}, and its calls are {', '.join(known)}"
    elif not any(miss.leaves_at_token for miss in told):
        why = "none of these requests is known to leave an earlier prompt at a certain token"
    else:
        why = "what differs in these requests stands in no variable of its prompts"
    return (Note(f"no line of {agent} is told: {why}", "--agent names the agent that sent them"),)


async def sessions(
    batch: TrafficBatch,
    pool: KvPool | None,
    reader: PromptReader | None = None,
    calls: Sequence[Call] = (),
    profile: Profile | None = None,
    remembered: "ToldCauses | None" = None,
) -> tuple[SessionTraffic, ...]:
    """The sessions of some traffic, those that were active last first, with what of their prompts
    was computed again and why: as `report` and `explained` tell it of the same requests. Texts are
    fetched of those alone of which none is `remembered`."""
    from charter_engine.traffic.session_figures import sessions_traffic

    found, knowledge = await told_apart(batch, pool, profile)
    texts = RecentTexts(reader) if reader is not None else None
    latest = [
        miss for miss in found[-MOST_BY_TEXT:] if remembered is None or miss not in remembered
    ]
    told, _ = await _retold(found, latest, knowledge, texts, calls, UNNAMED, remembered)
    return await asyncio.to_thread(sessions_traffic, batch.records, told)


async def told_apart(
    batch: TrafficBatch, pool: KvPool | None, profile: Profile | None = None
) -> "tuple[list[Miss], Knowledge]":
    """The requests of some traffic told apart by their hashes, and what is known beside them."""
    from charter_engine.traffic.misses import heeding_reuse, misses
    from charter_engine.traffic.seen import seen_prompts

    knowledge = knowledge_of(pool, profile)
    prompts = await asyncio.to_thread(seen_prompts, batch.records)
    found = await asyncio.to_thread(misses, prompts, knowledge)
    return found, heeding_reuse(found, knowledge)


async def _retold(
    found: "Sequence[Miss]",
    chosen: "Iterable[Miss]",
    knowledge: "Knowledge",
    texts: RecentTexts | None,
    calls: Sequence[Call],
    placing: Collection[CauseKind],
    remembered: "ToldCauses | None",
) -> "tuple[Sequence[Miss], tuple[Note, ...]]":
    """All that was found, the chosen requests by their texts, which are `remembered`; as they are
    where these are not to be had, and why. Of causes of the kinds `placing`, places in the source
    are told."""
    told = list(found) if remembered is None else remembered.applied(found)
    if texts is None:
        return told, ()
    try:
        for miss in chosen:
            again = await texts.retold(miss, knowledge)
            if calls and again.cause.kind in placing:
                again = await texts.placed(again, calls)
            told[miss.facts.place] = again
            if remembered is not None:
                remembered.take(again)
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


def by_number(batch: TrafficBatch, query: MissQuery) -> MissQuery:
    """The query with the number at the tap of the request that it names by its id: of the last one,
    where a client gave several the same. Raises `UsageError` where there is none."""
    if not query.request_id:
        return query
    numbers = [one.sequence for one in batch.records if one.request_id == query.request_id]
    if not numbers:
        raise UsageError(
            f"no request of id {query.request_id!r} is known",
            remedy="charter-engine requests --id tells of those on record",
        )
    return replace(query, request=str(numbers[-1]))


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


def knowledge_of(pool: KvPool | None, profile: Profile | None = None) -> "Knowledge":
    """What a pool that was measured tells, and the profile of its deployment."""
    from charter_engine.traffic.known_pool import known_pool
    from charter_engine.traffic.misses import Knowledge

    return Knowledge(pool=known_pool(pool, profile).settings)


def _assumed(pool: KvPool | None, profile: Profile | None) -> tuple[Note, ...]:
    """What the block manager's figures rest on beside what was measured."""
    from charter_engine.traffic.known_pool import known_pool

    assumed = known_pool(pool, profile).assumed
    return (Note(f"predicted of the pool, assumed: {'; '.join(assumed)}"),) if assumed else ()


def _not_there(found: "Sequence[Miss]", query: MissQuery) -> str:
    if not found:
        return "no request has passed yet"
    if query.session:
        return f"no request of session {query.session!r} is known"
    first, last = found[0].seen.request, found[-1].seen.request
    return f"request {query.request} is not known: {first} to {last} are"
