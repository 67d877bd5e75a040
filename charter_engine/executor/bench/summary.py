"""From what was sent and what came back to the figures of a variant."""

from collections.abc import Sequence

from msgspec import Struct

from charter_engine.analysis.bound import ReuseBound, reuse_bound
from charter_engine.contracts.benching import Drift, NodeFigures, VariantReport
from charter_engine.executor.bench.recorder import Exchange
from charter_engine.executor.bench.replay import replay
from charter_engine.executor.bench.variants import PLAN, SOURCE, Variant
from charter_engine.kvcache import Admission, PoolSettings
from charter_engine.traffic.percentiles import percentiles

EXAMPLE_CHARACTERS = 2_000
"""Of a prompt that stands for the others of its node."""


class Observed(Struct, frozen=True, kw_only=True):
    """All that is known of a variant's work. `warm_up` went before `exchanges` and counts only as
    content of the cache.

    `pool` None: the deployment did not tell its size.
    """

    variant: Variant
    warm_up: tuple[Exchange, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    errors: tuple[str, ...] = ()
    failures: int = 0
    elapsed_ms: float = 0.0
    pool: PoolSettings | None = None
    peak_blocks: int | None = None


def summarise(observed: Observed) -> VariantReport:
    """The figures of a variant."""
    variant, exchanges = observed.variant, observed.exchanges
    prompt_tokens = total_of(exchanges, "prompt_tokens") or 0
    bound = _bound(exchanges) if variant.reuse else None
    replayed = _replayed(observed)
    seconds = observed.elapsed_ms / 1000
    return VariantReport(
        name=variant.name,
        what=variant.what,
        reuse=variant.reuse,
        tokens_per_block=observed.pool.tokens_per_block if observed.pool else None,
        pool_blocks=observed.pool.gpu_blocks if observed.pool else None,
        policy=variant.plan.policy,
        requests=len(exchanges),
        failures=observed.failures,
        prompt_tokens=prompt_tokens,
        output_tokens=total_of(exchanges, "output_tokens") or 0,
        elapsed_ms=observed.elapsed_ms,
        ttft_ms=percentiles([one.generation.ttft_ms for one in exchanges]),
        latency_ms=percentiles([one.latency_ms for one in exchanges]),
        token_hit_rate=token_hit_rate(exchanges),
        block_hit_rate=_block_hit_rate(exchanges),
        bound=bound.rate if bound else None,
        predicted_token_hit_rate=_share(sum(one.reused_tokens for one in replayed), prompt_tokens),
        predicted_block_hit_rate=_share(
            sum(one.reused_blocks for one in replayed),
            sum(one.reused_blocks + one.missed_blocks for one in replayed),
        ),
        requests_per_s=len(exchanges) / seconds if seconds else 0.0,
        prompt_tokens_per_s=prompt_tokens / seconds if seconds else 0.0,
        peak_blocks=observed.peak_blocks,
        drift=_drift(exchanges),
        nodes=_nodes(exchanges, bound, examples=variant.name in (SOURCE, PLAN)),
        errors=observed.errors,
    )


def token_hit_rate(exchanges: Sequence[Exchange]) -> float | None:
    """Reused tokens as a share of prompt tokens, over requests that tell both."""
    told = [one.generation for one in exchanges if one.generation.reused_tokens is not None]
    return _share(
        sum(one.reused_tokens or 0 for one in told), sum(one.prompt_tokens or 0 for one in told)
    )


def _block_hit_rate(exchanges: Sequence[Exchange]) -> float | None:
    told = [one.generation for one in exchanges if one.generation.reused_blocks is not None]
    reused = sum(one.reused_blocks or 0 for one in told)
    return _share(reused, reused + sum(one.missed_blocks or 0 for one in told))


def _bound(exchanges: Sequence[Exchange]) -> ReuseBound | None:
    served = [one.served for one in exchanges]
    if not served or None in served:
        return None
    in_order = sorted((one for one in served if one is not None), key=lambda one: one.begun_ms)
    return reuse_bound(one.request for one in in_order)


def _replayed(observed: Observed) -> list[Admission]:
    """The block manager's answers to the requests that count."""
    everything = (*observed.warm_up, *observed.exchanges)
    served = [one.served for one in everything if one.served is not None]
    if observed.pool is None or len(served) < len(everything):
        return []
    return [
        one for one in replay(served, observed.pool)[len(observed.warm_up) :] if one is not None
    ]


def _drift(exchanges: Sequence[Exchange]) -> Drift | None:
    known = [one for one in exchanges if one.served is not None]
    if not known:
        return None
    return Drift(
        outputs=len(known),
        differing=sum(one.drifted > 0 for one in known),
        output_tokens=sum(len(one.generation.output_ids) for one in known),
        tokens_behind=sum(one.drifted for one in known),
    )


def _nodes(
    exchanges: Sequence[Exchange], bound: ReuseBound | None, *, examples: bool
) -> tuple[NodeFigures, ...]:
    by_node: dict[str, list[Exchange]] = {}
    for one in exchanges:
        by_node.setdefault(one.node, []).append(one)
    return tuple(
        NodeFigures(
            node=node,
            requests=len(own),
            token_hit_rate=token_hit_rate(own),
            bound=_share(*reversed(bound.by_node[node])) if bound else None,
            ttft_ms=percentiles([one.generation.ttft_ms for one in own]),
            example=own[0].prompt[:EXAMPLE_CHARACTERS] if examples else "",
            prompt_tokens=total_of(own, "prompt_tokens"),
            latency_ms=percentiles([one.latency_ms for one in own]),
        )
        for node, own in by_node.items()
    )


def total_of(exchanges: Sequence[Exchange], name: str) -> int | None:
    """A figure of all answers that tell it together; None where none does."""
    told = [value for one in exchanges if (value := getattr(one.generation, name)) is not None]
    return sum(told) if told else None


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
