"""What a plan's layouts would do to the prompts of programs, before they are pushed."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from charter_engine.api.traffic_files import records_in
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.graph import Call
from charter_engine.contracts.layout_preview import LayoutExample, LayoutPreview
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.errors import CharterError

if TYPE_CHECKING:
    from charter_engine.bls.plan import ServedPlan
    from charter_engine.bls.tokenizer import Tokenizer
    from charter_engine.gateway.model import ServedModel
    from charter_engine.gateway.traffic_memory import PassedBody, TrafficMemory
    from charter_engine.kvcache.manager.settings import PoolSettings
    from charter_engine.traffic.preview import PassedPrompt
    from charter_engine.triton.deploy import Deployer

MOST_PROMPTS = 300
"""The last so many are looked at: their texts are fetched one by one."""
ASSUMED_BLOCKS = 4096
"""Assumed where nobody tells the pool: 131,072 tokens in blocks of 32."""
NO_TEXTS = "the texts of this traffic are not known: figures and examples are of the agent's inputs"
NOTHING_KNOWN = "neither texts of traffic nor inputs of the agent are known: there are no figures"
OTHER_TOKENIZER = (
    "tokens are those of the embedded engine's tokenizer: --tokenizer names the model's own"
)
POOL_ASSUMED = "the pool's size is not known: an ample one is assumed"


@dataclass(frozen=True)
class LayoutSubject:
    """A plan to preview: its agent's calls, and the agent's own inputs."""

    plan: Plan
    calls: Sequence[Call]
    inputs: Sequence[Mapping[str, Any]]


async def preview(subject: LayoutSubject, deployer: "Deployer", traffic: str = "") -> LayoutPreview:
    """What the layouts would make of the traffic in a file, else of what the tap holds.

    Texts come out of the deployment's memory of recent prompts. Where there are none, figures and
    examples are those of the agent's inputs, and say so. Raises `CharterError` for a file that
    cannot be read.
    """
    from charter_engine.api.explaining import knowledge_of
    from charter_engine.api.live_planning import tokenizer_of
    from charter_engine.api.tokenizers import open_tokenizer
    from charter_engine.api.traffic import pool_of
    from charter_engine.kvcache.manager.settings import PoolSettings

    profile = await deployer.profile()
    measured = knowledge_of(await pool_of(deployer), profile).pool
    pool = measured or PoolSettings(ASSUMED_BLOCKS, profile.tokens_per_block or 32)
    path = tokenizer_of(profile)
    tokenizer = await asyncio.to_thread(open_tokenizer, path)
    if traffic:
        records, prompts = records_in(traffic), list["PassedPrompt"]()
    else:
        records, prompts = await _passed(deployer, tokenizer)
    served = await asyncio.to_thread(_served, subject, path) if prompts else None
    shown = await asyncio.to_thread(_previewed, subject, served, records, prompts, tokenizer, pool)
    return shown if measured else replace(shown, notes=(*shown.notes, POOL_ASSUMED))


async def _passed(
    deployer: "Deployer", tokenizer: "Tokenizer"
) -> "tuple[list[TrafficRecord], list[PassedPrompt]]":
    """What the tap holds, and those of the last requests whose texts are still there."""
    from charter_engine.traffic.hashes import hashes_of
    from charter_engine.traffic.preview import PassedPrompt
    from charter_engine.triton.tap import TapReader

    reader = TapReader(deployer.client)
    try:
        records = list((await reader.drain()).records)
    except CharterError:  # an older charter_bls, or none: nothing is known of its traffic
        return [], []
    prompts = []
    begin = tokenizer.encode("")[0]
    for record in records[-MOST_PROMPTS:]:
        hashes = hashes_of(record)
        if record.error or record.laid_out or not len(hashes):
            continue
        try:
            kept = await reader.prompt(int(hashes[-1]))
        except CharterError:  # the memory of recent prompts is switched off
            break
        if kept is not None and kept.prompt_tokens == record.prompt_tokens:
            ids = kept.token_ids.tolist()
            token_ids, answer_ids = ids[: kept.prompt_tokens], ids[kept.prompt_tokens :]
            own = len(begin) if token_ids[: len(begin)] == begin else 0
            prompts.append(
                PassedPrompt(
                    at=record.at,
                    session=record.session,
                    text=tokenizer.text(token_ids[own:]),
                    token_ids=tuple(token_ids),
                    answer=tokenizer.decode(answer_ids),
                    answer_ids=tuple(answer_ids),
                )
            )
    return records, prompts


async def preview_passed(
    subject: LayoutSubject,
    memory: "TrafficMemory",
    told: KvPool | None,
    profile: Profile,
) -> LayoutPreview:
    """What the layouts would make of the chats and completions that passed an engine's own gateway;
    where none did, of the agent's inputs. Raises `CharterError`."""
    from charter_engine.api.tokenizers import open_tokenizer
    from charter_engine.embedded.engine.tokenizer import tokenizer_path
    from charter_engine.kvcache.manager.settings import PoolSettings
    from charter_engine.traffic.known_pool import known_pool

    measured = known_pool(told, profile).settings
    pool = measured or PoolSettings(ASSUMED_BLOCKS, profile.tokens_per_block or 32)
    notes: tuple[str, ...] = () if measured else (POOL_ASSUMED,)
    bodies = memory.bodies
    if bodies:
        shown = await asyncio.to_thread(_by_bodies, subject, bodies, memory.model, pool)
    else:
        tokenizer = memory.model.tokenizer
        if tokenizer is None:
            tokenizer = await asyncio.to_thread(open_tokenizer, tokenizer_path())
            notes = (OTHER_TOKENIZER, *notes)
        shown = await asyncio.to_thread(_by_inputs, subject, tokenizer, pool)
    return replace(shown, notes=(*shown.notes, *notes))


def _by_bodies(
    subject: LayoutSubject,
    bodies: "Sequence[PassedBody]",
    model: "ServedModel",
    pool: "PoolSettings",
) -> LayoutPreview:
    from charter_engine.api.gateway import message_layout
    from charter_engine.gateway.layout_preview import preview_of_bodies

    everywhere = message_layout(replace(subject.plan, share=1.0), subject.calls)
    return preview_of_bodies(bodies, everywhere, model, pool)


def _served(subject: LayoutSubject, tokenizer: Path) -> "ServedPlan":
    """The plan as `charter_bls` would serve it, for every session. Blocks."""
    from charter_engine.bls.plan import parse_plan
    from charter_engine.triton.bls_plan import compile_bls_plan
    from charter_engine.triton.chat_template import chat_writers
    from charter_engine.triton.templated_forms import lays_out_chats

    everywhere = replace(subject.plan, share=1.0)
    writers = chat_writers(tokenizer) if lays_out_chats(everywhere, subject.calls) else ()
    return parse_plan(compile_bls_plan(everywhere, subject.calls, 0, writers=writers))


def _previewed(
    subject: LayoutSubject,
    served: "ServedPlan | None",
    records: Sequence[TrafficRecord],
    prompts: "Sequence[PassedPrompt]",
    tokenizer: "Tokenizer",
    pool: "PoolSettings",
) -> LayoutPreview:
    """By the texts of traffic, else by the agent's inputs. Blocks."""
    from charter_engine.traffic.preview import came_as_written, preview_of

    if served is not None:
        return preview_of(prompts, served, tokenizer, pool)
    found = _by_inputs(subject, tokenizer, pool)
    if not records:
        return found
    names = {name for name, node in subject.plan.nodes.items() if _is_laid_out(node)}
    matched = came_as_written(records, names)
    note = NO_TEXTS if found.before is not None else NOTHING_KNOWN
    return replace(
        found, requests=len(records), matched=matched, laid_out=None, notes=(*found.notes, note)
    )


def _by_inputs(
    subject: LayoutSubject, tokenizer: "Tokenizer", pool: "PoolSettings"
) -> LayoutPreview:
    """The prompts of a run over the agent's inputs, as written and as planned."""
    from charter_engine.analysis.agent_workload import generate
    from charter_engine.prompts.assembly import MissingInput, text_of
    from charter_engine.traffic.preview import compared

    nothing = LayoutPreview(source="the agent's inputs", requests=0, matched=0)
    plan = subject.plan
    laid_out = {name for name, node in plan.nodes.items() if _is_laid_out(node)}
    applied = {name: node if name in laid_out else NodePlan() for name, node in plan.nodes.items()}
    try:
        before, after = (
            generate(subject.calls, subject.inputs, replace(plan, nodes=nodes), tokenizer.encode)
            for nodes in ({}, applied)
        )
    except MissingInput:
        return nothing
    if not before:
        return nothing
    examples = {
        one.request.node: LayoutExample(
            node=one.request.node, before=text_of(one.prompt), after=text_of(other.prompt)
        )
        for one, other in zip(before, after, strict=True)
        if one.request.node in laid_out
    }
    return compared(
        [placed.request for placed in before],
        [placed.request for placed in after],
        pool,
        matched=sum(placed.request.node in laid_out for placed in before),
        examples=tuple(examples.values()),
    )


def _is_laid_out(node: NodePlan) -> bool:
    return node.apply == "traffic" and node.layout != "source"
