"""Where a plan's gain comes from: lever by lever, and for a batch by concurrency and by reuse."""

from collections.abc import Mapping, Sequence

from charter_engine.contracts.benching import Batch, BatchCell, LeverShare, VariantReport
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.plan import Lever, Plan
from charter_engine.contracts.request_figures import FigureDifference
from charter_engine.executor.bench.recorder import Exchange
from charter_engine.executor.bench.variants import BASELINE, PLAN, SOURCE, Variant, stands_for
from charter_engine.plan.levers import LEVERS
from charter_engine.traffic.side_by_side import differences

IDLE: dict[Lever, str] = {
    "layout": "the plan keeps the layout as written",
    "block_size": "the plan keeps the deployment's block size",
    "retention": "the plan asks for no retention",
    "host_tier": "the plan asks for no host memory",
    "groups": "they order parallel requests; one after another there is nothing to order",
    "release": "a plan that was pushed releases, and none is pushed here",
}


def lever_shares(
    plan: Plan, variants: tuple[Variant, ...], reports: Mapping[str, VariantReport]
) -> tuple[LeverShare, ...]:
    """The plan's figures against those with one lever put back. `reports` may lack variants that
    were not run."""
    return tuple(_share(lever, plan, variants, reports) for lever in LEVERS)


def _share(
    lever: Lever, plan: Plan, variants: tuple[Variant, ...], reports: Mapping[str, VariantReport]
) -> LeverShare:
    whole = reports.get(PLAN)
    stand_in = stands_for(plan, lever, variants)
    if stand_in is None:
        return LeverShare(
            lever=lever,
            token_hit_rate_gained=0.0,
            ttft_ms_saved=0.0,
            note=IDLE[lever],
            computed_tokens_saved=0.0,
            ttft_p95_ms_saved=0.0,
            whole_ms_saved=0.0,
        )
    reduced = reports.get(stand_in.name)
    if whole is None or reduced is None:
        return LeverShare(
            lever=lever, token_hit_rate_gained=None, ttft_ms_saved=None, note="not run"
        )
    return LeverShare(
        lever=lever,
        token_hit_rate_gained=_difference(whole.token_hit_rate, reduced.token_hit_rate),
        ttft_ms_saved=_difference(
            reduced.ttft_ms.mean if reduced.ttft_ms else None,
            whole.ttft_ms.mean if whole.ttft_ms else None,
        ),
        note=f"against variant {stand_in.name}",
        computed_tokens_saved=_difference(reduced.computed_tokens, whole.computed_tokens),
        ttft_p95_ms_saved=_difference(
            reduced.ttft_ms.p95 if reduced.ttft_ms else None,
            whole.ttft_ms.p95 if whole.ttft_ms else None,
        ),
        whole_ms_saved=_difference(reduced.elapsed_ms or None, whole.elapsed_ms or None),
    )


def batch_gains(cells: tuple[BatchCell, ...]) -> Batch:
    """Ratios between the four ways to run a batch: with and without reuse, one after another and
    all at once."""

    def cell(variant: str, parallel: bool) -> BatchCell:
        return next(
            one for one in cells if one.variant == variant and (one.concurrency > 1) is parallel
        )

    slowest, alone, together = cell(BASELINE, False), cell(PLAN, False), cell(PLAN, True)
    return Batch(
        cells=cells,
        gain=together.requests_per_s / slowest.requests_per_s,
        concurrency_gain=cell(BASELINE, True).requests_per_s / slowest.requests_per_s,
        reuse_gain=alone.requests_per_s / slowest.requests_per_s,
        prefill_gain=slowest.prefill_ms / alone.prefill_ms
        if slowest.prefill_ms and alone.prefill_ms
        else None,
        prefill_limit=1 / (1 - alone.token_hit_rate) if alone.token_hit_rate else None,
    )


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def differences_of(exchanges: Mapping[str, Sequence[Exchange]]) -> tuple[FigureDifference, ...]:
    """What a request under the plan costs more than one as written, with intervals; nothing where
    either was not measured. `exchanges` are those of each variant, by its name."""
    if not exchanges.get(SOURCE) or not exchanges.get(PLAN):
        return ()
    before, after = ([_record(one) for one in exchanges[name]] for name in (SOURCE, PLAN))
    return differences(before, after)


def _record(exchange: Exchange) -> RequestRecord:
    told = exchange.generation
    return RequestRecord(
        run="",
        node=exchange.node,
        item=0,
        started_at=0.0,
        source="other",
        prompt_tokens=told.prompt_tokens,
        reused_tokens=told.reused_tokens,
        output_tokens=told.output_tokens,
        ttft_ms=told.ttft_ms,
        latency_ms=exchange.latency_ms,
    )
