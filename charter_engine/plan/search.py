"""The points of a search for a plan, and the choice among those that were predicted."""

from collections.abc import Sequence
from itertools import product

from msgspec.structs import replace

from charter_engine.contracts.plan import Alternative, Policy
from charter_engine.contracts.planning import Evaluation, Levers, Objective, PlanPoint

BLOCK_SIZES = (8, 16, 32, 64, 128)
"""Taken from TensorRT-LLM: powers of two, up to the largest it builds by itself."""
WITHIN_NOISE = 0.005
"""Points closer than this share of the best are ties, and the simpler one wins."""
HIT_RATE_SLACK = 0.01
"""What the objective `memory`, and the choice among ties, may give up of the best token hit
rate."""
ROUNDING = 1e-9
"""Assumed: what the order of adding up changes, and no figure shows."""
BY_TIME: tuple[Objective, ...] = ("ttft", "throughput")
"""Objectives that must not make a whole run longer."""


def points(
    layouts: Sequence[str],
    *,
    block_size: int,
    host_tokens: Sequence[int],
    policies: Sequence[Policy],
    levers: Levers,
    block_sizes: Sequence[int] = BLOCK_SIZES,
) -> tuple[PlanPoint, ...]:
    """All combinations the levers allow. A lever that is off stays at the first of its settings,
    and block sizes at `block_size`. A host tier holds as many tokens whatever the block size."""
    return tuple(
        PlanPoint(layout, size, host // size, policy)
        for layout, size, host, policy in product(
            layouts if levers.layout else layouts[:1],
            sorted({block_size, *block_sizes}) if levers.block_size else (block_size,),
            host_tokens if levers.host_tier else host_tokens[:1],
            policies if levers.retention else policies[:1],
        )
    )


def put_back(chosen: PlanPoint, as_it_is: PlanPoint) -> dict[str, PlanPoint]:
    """The chosen point with one lever put back at a time, for each lever that was moved."""
    size, deployed_size = chosen.tokens_per_block, as_it_is.tokens_per_block
    host = _host_blocks(chosen, deployed_size)
    back = {
        "layout": replace(chosen, layout=as_it_is.layout),
        "block_size": replace(chosen, tokens_per_block=deployed_size, host_blocks=host),
        "host_tier": replace(chosen, host_blocks=_host_blocks(as_it_is, size)),
        "retention": replace(chosen, policy="default"),
        "release": replace(chosen, release="never"),
    }
    return {lever: point for lever, point in back.items() if point != chosen}


def _host_blocks(point: PlanPoint, tokens_per_block: int) -> int:
    """A point's host tier in blocks of another size."""
    return point.host_blocks * point.tokens_per_block // tokens_per_block


def choose(
    evaluations: Sequence[Evaluation], objective: Objective, as_it_is: PlanPoint
) -> Evaluation:
    """The best point for the objective; among ties, of those that reuse most the one that changes
    least of what is deployed."""
    best = min(_score(evaluation, evaluations, objective) for evaluation in evaluations)
    ties = [
        evaluation
        for evaluation in evaluations
        if _score(evaluation, evaluations, objective) <= best + abs(best) * WITHIN_NOISE
    ]
    most = max(evaluation.token_hit_rate for evaluation in ties)
    reusing = [
        evaluation
        for evaluation in ties
        if evaluation.token_hit_rate >= most - HIT_RATE_SLACK - ROUNDING
    ]
    return min(reusing, key=lambda evaluation: _changes(evaluation.point, as_it_is))


def is_refused(evaluation: Evaluation, objective: Objective, as_it_is: Evaluation) -> bool:
    """Whether a change is out of the question for an objective of time: the whole run takes longer
    than as it is, by more than noise.

    First tokens that come earlier are no gain where longer prompts make decoding take what they
    saved. The objective `memory` takes time for what it is.
    """
    return objective in BY_TIME and evaluation.makespan_ms > as_it_is.makespan_ms * (
        1 + WITHIN_NOISE
    )


def _score(
    evaluation: Evaluation, evaluations: Sequence[Evaluation], objective: Objective
) -> float:
    if objective == "ttft":
        return evaluation.ttft_ms
    if objective == "throughput":
        return evaluation.makespan_ms
    best_rate = max(other.token_hit_rate for other in evaluations)
    if evaluation.token_hit_rate < best_rate - HIT_RATE_SLACK:
        return float("inf")
    return float(evaluation.memory_bytes)


def _changes(point: PlanPoint, as_it_is: PlanPoint) -> tuple[int, int]:
    """How many levers moved, and how far the block size is from what is deployed."""
    alike = replace(
        as_it_is,
        tokens_per_block=point.tokens_per_block,
        host_blocks=_host_blocks(as_it_is, point.tokens_per_block),
    )
    moved = sum(getattr(point, field) != getattr(alike, field) for field in point.__struct_fields__)
    moved += point.tokens_per_block != as_it_is.tokens_per_block
    return moved, abs(point.tokens_per_block.bit_length() - as_it_is.tokens_per_block.bit_length())


def pareto(evaluations: Sequence[Evaluation]) -> tuple[Evaluation, ...]:
    """The points that no other beats in hit rate, whole time, TTFT and memory at once, best hit
    rate first."""
    front = [
        candidate
        for candidate in evaluations
        if not any(_dominates(other, candidate) for other in evaluations if other is not candidate)
    ]
    return tuple(sorted(front, key=_rank))


def _rank(item: Evaluation) -> tuple[float, float, float, int]:
    return -item.token_hit_rate, item.makespan_ms, item.ttft_ms, item.memory_bytes


def _dominates(better: Evaluation, worse: Evaluation) -> bool:
    first, second = _rank(better), _rank(worse)
    return first != second and all(one <= other for one, other in zip(first, second, strict=True))


def alternatives(
    evaluations: Sequence[Evaluation], chosen: Evaluation, as_it_is: PlanPoint
) -> tuple[Alternative, ...]:
    """The rows of a plan file: the chosen point and those that nothing beats, best hit rate first.

    Of points with the same figures, to a tenth of a point and three digits of TTFT, the one that
    changes least stands for all.
    """
    ordered = sorted(
        evaluations, key=lambda item: (item is not chosen, _changes(item.point, as_it_is))
    )
    distinct: dict[tuple[float, str, int], Evaluation] = {}
    for item in ordered:
        distinct.setdefault(
            (round(item.token_hit_rate, 3), f"{item.ttft_ms:.3g}", item.memory_bytes), item
        )
    front = pareto(tuple(distinct.values()))
    kept = sorted({id(item): item for item in (*front, chosen)}.values(), key=_rank)
    return tuple(_as_alternative(item, chosen=item is chosen) for item in kept)


def _as_alternative(evaluation: Evaluation, *, chosen: bool) -> Alternative:
    """The row of the plan file's table for one point."""
    point = evaluation.point
    return Alternative(
        settings={
            "layout": point.layout,
            "tokens_per_block": point.tokens_per_block,
            "host_blocks": point.host_blocks,
            "policy": point.policy,
            "release": point.release,
        },
        token_hit_rate=round(evaluation.token_hit_rate, 4),
        ttft_ms=round(evaluation.ttft_ms, 3),
        memory_bytes=evaluation.memory_bytes,
        chosen=chosen,
        makespan_ms=round(evaluation.makespan_ms, 1),
        computed_tokens=evaluation.computed_tokens,
        ttft_p95_ms=_rounded(evaluation.ttft_p95_ms),
        requests_per_s=_rounded(evaluation.requests_per_s),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
