"""What an opportunity would bring: its calls run on the block manager with an ample pool.

Where no inputs are given, every variable is filled with text of an assumed length that is new in each run.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from charter_engine.analysis.agent_workload import generate
from charter_engine.analysis.layout import candidate_layouts
from charter_engine.contracts.graph import Call, Opportunity
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.dag.tokens import Encode
from charter_engine.kvcache import BlockManager, PoolSettings

ASSUMED_RUNS = 4
ASSUMED_PASSES = 8
ASSUMED_WORDS = 100
"""Words in a variable nobody gave: a short paragraph."""


def with_expected_reuse(
    opportunities: Iterable[Opportunity],
    calls: Sequence[Call],
    encode: Encode,
    *,
    inputs: Sequence[Mapping[str, Any]] = (),
    tokens_per_block: int = 32,
) -> tuple[Opportunity, ...]:
    """Each opportunity with the token hit rate its calls would reach together under the layout that suits it best."""
    given = inputs or [synthetic_inputs(calls, run) for run in range(ASSUMED_RUNS)]
    basis = "the given inputs" if inputs else f"{ASSUMED_RUNS} runs with assumed inputs of {ASSUMED_WORDS} words"
    requests = {
        name: [placed.request for placed in generate(calls, given, Plan(agent="", nodes=dict(layout)), encode)]
        for name, layout in candidate_layouts(calls).items()
    }
    return tuple(_with_rate(opportunity, requests, basis, tokens_per_block) for opportunity in opportunities)


def _with_rate(
    opportunity: Opportunity, requests: Mapping[str, Sequence[WorkloadRequest]], basis: str, tokens_per_block: int
) -> Opportunity:
    rates = {
        layout: _hit_rate([item for item in made if item.node in opportunity.nodes], tokens_per_block)
        for layout, made in requests.items()
    }
    best = max(rates, key=lambda layout: rates[layout])
    return replace(
        opportunity,
        expected_hit_rate=rates[best],
        derivation=f"{opportunity.derivation}; predicted on {basis}, {tokens_per_block} tokens a block: "
        f"{rates[best]:.0%} of the prompt tokens with layout {best!r}, {rates['source']:.0%} as written",
    )


def _hit_rate(requests: Sequence[WorkloadRequest], tokens_per_block: int) -> float:
    blocks = sum((item.input_length + item.output_length) // tokens_per_block + 2 for item in requests)
    manager = BlockManager(PoolSettings(gpu_blocks=max(1, blocks), tokens_per_block=tokens_per_block))
    reused = 0
    for number, request in enumerate(requests):
        reused += manager.add(number, request.token_ids).reused_tokens
        manager.store_context(number)
        manager.append(number, request.output_ids)
        manager.finish(number)
    total = sum(item.input_length for item in requests)
    return reused / total if total else 0.0


def synthetic_inputs(calls: Sequence[Call], run: int) -> dict[str, Any]:
    """Inputs that fill every variable of every call; the elements of a loop fill those inside it."""
    inputs: dict[str, Any] = {}
    for call in calls:
        names = {
            key
            for segment in call.segments
            if segment.kind != "static"
            for key in (segment.expression, segment.name, f"unknown_{segment.line}")
            if key
        }
        for name in names:
            inputs.setdefault(name, _words(name, f"{run}"))
        if call.loop is not None and call.loop.iterable:
            passes = inputs.setdefault(call.loop.iterable, [{} for _ in range(ASSUMED_PASSES)])
            if isinstance(passes, list):
                for number, element in enumerate(passes):
                    element.update({name: _words(name, f"{run}.{number}") for name in names})
    return inputs


def _words(name: str, key: str) -> str:
    return " ".join(f"{name}{key}-{number}" for number in range(ASSUMED_WORDS // 4))
