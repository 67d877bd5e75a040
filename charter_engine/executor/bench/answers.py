"""Asks the calls of an agent as written and as planned, and lays their answers side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from msgspec.structs import replace

from charter_engine.contracts.answers import AnswerFigures, AnswerPair, NodeAnswers
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.plan import Plan
from charter_engine.executor.bench.measure import GAVE_UP, ServerLost
from charter_engine.executor.run import AgentRun, RunSettings
from charter_engine.executor.target import Target
from charter_engine.executor.totals import NodeTotals
from charter_engine.executor.work import Item
from charter_engine.prompts.assembly import CallInstance, InstanceKey
from charter_engine.triton.request import Generated, GenerateRequest, Sampling

GREEDY = Sampling(top_k=1)
"""Of the likeliest tokens alone, so that only prompts make answers differ."""
Arm = Literal["written", "planned"]
AnswerKey = tuple[int, InstanceKey]
"""An item's number, and one of its calls."""


@dataclass(frozen=True)
class GivenAnswer:
    """What one call answered. `after` are the answers that its prompt may hold."""

    text: str
    tokens: int
    after: tuple[AnswerKey, ...] = ()


@dataclass
class GivenAnswers:
    """The answers of one arm, in the order in which they came, and what failed."""

    found: dict[AnswerKey, GivenAnswer] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def keep(self, item: Item, instance: CallInstance, generation: Generated) -> None:
        """Take an answer over."""
        tokens = generation.output_tokens or len(generation.output_ids)
        after = tuple((item.number, key) for key in instance.after)
        self.found[item.number, instance.key] = GivenAnswer(generation.text, tokens, after)


class GreedyTarget:
    """A target that is asked for the likeliest tokens."""

    def __init__(self, inner: Target) -> None:
        self._inner = inner

    async def generate(self, request: GenerateRequest) -> Generated:
        """Raises `TargetError`."""
        return await self._inner.generate(replace(request, sampling=GREEDY))


async def ask(
    target: Target,
    compiled: CompiledFile,
    items: Sequence[Item],
    plan: Plan,
    name: str,
    into: GivenAnswers,
) -> None:
    """Ask every call of the items once under a plan, one request after another: what is asked
    together may be rounded otherwise. What failed is told in `into`. Raises `ServerLost`."""
    run = AgentRun(
        compiled=compiled,
        plan=plan,
        items=items,
        target=GreedyTarget(target),
        totals=NodeTotals(call.id for call in compiled.calls),
        settings=RunSettings(run=name, variant=name, concurrency=1),
        on_answer=into.keep,
    )
    report = await run.execute()
    into.errors += [record.error for record in report.requests if record.error is not None]
    into.errors += report.errors
    if report.errors and report.errors[-1].startswith(GAVE_UP):
        raise ServerLost(f"{name}: {report.errors[-1]}")


def pairs_of(
    written: Mapping[AnswerKey, GivenAnswer], planned: Mapping[AnswerKey, GivenAnswer]
) -> tuple[AnswerPair, ...]:
    """The answers that both arms gave."""
    pairs: list[AnswerPair] = []
    differing: set[AnswerKey] = set()
    for key, one in written.items():
        other = planned.get(key)
        if other is None:
            continue
        place = first_difference(one.text, other.text)
        carried = not differing.isdisjoint(one.after)
        if place is not None:
            differing.add(key)
        item, (node, iteration) = key
        pairs.append(
            AnswerPair(
                node=node,
                item=item,
                iteration=iteration,
                written=one.text,
                planned=other.text,
                differs_at=place,
                carried=carried,
                written_tokens=one.tokens,
                planned_tokens=other.tokens,
            )
        )
    return tuple(pairs)


def first_difference(one: str, other: str) -> int | None:
    """The first character at which two texts differ; None for equal ones."""
    if one == other:
        return None
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


Verdicts = Mapping[Arm, Sequence[bool]]
"""For each arm, what was said of the answer of each pair."""


def by_node(
    pairs: Sequence[AnswerPair], valid_json: Verdicts, passed: Verdicts | None
) -> tuple[NodeAnswers, ...]:
    """The figures of each call. `passed` None: there is no check of the user's."""
    places: dict[str, list[int]] = {}
    for place, pair in enumerate(pairs):
        places.setdefault(pair.node, []).append(place)

    def arm(name: Arm, own: Sequence[int]) -> AnswerFigures:
        tokens = [getattr(pairs[place], f"{name}_tokens") for place in own]
        return AnswerFigures(
            answers=len(own),
            valid_json=sum(valid_json[name][place] for place in own),
            tokens=sum(tokens) / len(own),
            passed=None if passed is None else sum(passed[name][place] for place in own),
        )

    return tuple(
        NodeAnswers(
            node=node,
            pairs=len(own),
            equal=sum(pairs[place].is_equal for place in own),
            carried=sum(pairs[place].carried and not pairs[place].is_equal for place in own),
            written=arm("written", own),
            planned=arm("planned", own),
        )
        for node, own in places.items()
    )


def verdict(pairs: Sequence[AnswerPair]) -> str:
    """How many answers the plan leaves as they are, in words."""
    if not pairs:
        return "no call was answered both as written and under the plan"
    differing = [pair for pair in pairs if not pair.is_equal]
    if not differing:
        return f"the plan changes none of {len(pairs)} answers"
    carried = sum(pair.carried for pair in differing)
    behind = f", {carried} of them behind an earlier one that differs" if carried else ""
    return f"the plan changes {len(differing)} of {len(pairs)} answers{behind}"
