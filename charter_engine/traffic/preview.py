"""What layouts would have made of traffic that passed: decided by what runs inside Triton, and
predicted by the block manager."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from charter_engine.bls.laying import AS_PLANNED_ALREADY
from charter_engine.bls.plan import AS_WRITTEN, ServedPlan
from charter_engine.bls.prompt import Arrival, Preparer, RequestError
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.contracts.layout_preview import (
    LayoutExample,
    LayoutFigures,
    LayoutPreview,
)
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.predictor import predict

EXAMPLES = 3
"""Assumed: enough to see what a layout does."""


@dataclass(frozen=True)
class PassedPrompt:
    """A request whose texts are known. `at` is the epoch second of its arrival."""

    at: float
    session: str
    text: str
    token_ids: tuple[int, ...]
    answer: str
    answer_ids: tuple[int, ...]


@dataclass(frozen=True)
class PlannedPrompt:
    """What would be sent for a request of `node`. `text` None: it goes as it came, for `reason`
    ("": its node has no other layout)."""

    node: str
    token_ids: tuple[int, ...]
    text: str | None = None
    reason: str = ""


def preview_of(
    prompts: Iterable[PassedPrompt], plan: ServedPlan, tokenizer: Tokenizer, pool: PoolSettings
) -> LayoutPreview:
    """What `charter_bls` would have made of these prompts, if the plan's layouts applied to every
    session."""
    return preview_by(_by_charter_bls(prompts, plan, tokenizer), pool)


def preview_by(
    planned: Iterable[tuple[PassedPrompt, PlannedPrompt]], pool: PoolSettings
) -> LayoutPreview:
    """What would have become of requests, in the order in which they came."""
    before: list[WorkloadRequest] = []
    after: list[WorkloadRequest] = []
    examples: dict[str, LayoutExample] = {}
    reasons: Counter[str] = Counter()
    laid_out = 0
    for passed, sent in planned:
        if sent.text is not None:
            laid_out += 1
            shown = LayoutExample(node=sent.node, before=passed.text, after=sent.text)
            examples.setdefault(sent.node, shown)
        elif sent.reason:
            reasons[sent.reason] += 1
        before.append(_request(passed, passed.token_ids, sent.node))
        after.append(_request(passed, sent.token_ids, sent.node))
    return LayoutPreview(
        source="recorded traffic",
        requests=len(before),
        matched=laid_out + sum(reasons.values()) - reasons[AS_PLANNED_ALREADY],
        laid_out=laid_out,
        reasons=dict(reasons),
        before=figures_of(before, pool),
        after=figures_of(after, pool),
        examples=tuple(examples.values())[:EXAMPLES],
    )


def _by_charter_bls(
    prompts: Iterable[PassedPrompt], plan: ServedPlan, tokenizer: Tokenizer
) -> Iterator[tuple[PassedPrompt, PlannedPrompt]]:
    preparer = Preparer(plan, tokenizer)
    for passed in sorted(prompts, key=lambda passed: passed.at):
        try:
            prompt = preparer.prepare(Arrival(text=passed.text, session=passed.session))
        except RequestError:
            continue
        preparer.answered(prompt, passed.session, passed.answer_ids, passed.answer)
        if prompt.laying.texts is None:
            yield (
                passed,
                PlannedPrompt(prompt.node, passed.token_ids, reason=prompt.laying.reason),
            )
        else:
            sent = tuple(prompt.token_ids)
            yield passed, PlannedPrompt(prompt.node, sent, tokenizer.decode(sent))


def compared(
    before: Sequence[WorkloadRequest],
    after: Sequence[WorkloadRequest],
    pool: PoolSettings,
    *,
    matched: int,
    examples: Sequence[LayoutExample],
) -> LayoutPreview:
    """The preview of an agent's own inputs, whose requests are known as written and as planned."""
    return LayoutPreview(
        source="the agent's inputs",
        requests=len(before),
        matched=matched,
        laid_out=matched,
        before=figures_of(before, pool),
        after=figures_of(after, pool),
        examples=tuple(examples)[:EXAMPLES],
    )


def figures_of(requests: Sequence[WorkloadRequest], pool: PoolSettings) -> LayoutFigures | None:
    """None where there is nothing to predict."""
    if not requests:
        return None
    found = predict(requests, pool, bracket=False)
    return LayoutFigures(
        prompt_tokens=found.prompt_tokens,
        computed_tokens=found.computed_tokens,
        hit_rate=found.token_hit_rate,
    )


def came_as_written(records: Iterable[TrafficRecord], nodes: Collection[str]) -> int:
    """How many requests are of these nodes, and came as the source writes them."""
    return sum(record.form == AS_WRITTEN and record.node in nodes for record in records)


def _request(passed: PassedPrompt, token_ids: tuple[int, ...], node: str) -> WorkloadRequest:
    return WorkloadRequest(
        timestamp=passed.at * 1000,
        input_length=len(token_ids),
        output_length=len(passed.answer_ids),
        token_ids=token_ids,
        output_ids=passed.answer_ids,
        node=node,
        session=passed.session,
    )
