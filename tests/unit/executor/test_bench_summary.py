"""From exchanges to figures."""

import pytest

from charter_engine.contracts.plan import Plan
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.executor.bench.recorder import Exchange
from charter_engine.executor.bench.replay import ReplayedRequest
from charter_engine.executor.bench.summary import Observed, summarise
from charter_engine.executor.bench.variants import Variant
from charter_engine.kvcache import PoolSettings
from charter_engine.traffic.percentiles import percentiles
from charter_engine.triton.request import Generated

PLAN = Variant("plan", "the plan", Plan(agent="agent.py"))


def exchange(
    tokens: range,
    at: float,
    *,
    reused: int = 0,
    blocks: tuple[int, int] = (0, 0),
    ttft: float = 10.0,
    drifted: int = 0,
) -> Exchange:
    request = WorkloadRequest(
        timestamp=at,
        input_length=len(tokens),
        output_length=1,
        token_ids=tuple(tokens),
        output_ids=(7,),
        node="ask",
    )
    generation = Generated(
        text="x",
        output_ids=(7,),
        prompt_tokens=len(tokens),
        output_tokens=1,
        reused_tokens=reused,
        reused_blocks=blocks[0],
        missed_blocks=blocks[1],
        ttft_ms=ttft,
    )
    return Exchange("ask", generation, 20.0, ReplayedRequest(request, at, at + 1, at + 2), drifted)


REPEATED = (
    exchange(range(8), 0, blocks=(0, 2)),
    exchange(range(8), 10, reused=7, blocks=(2, 0), drifted=1),
)


def test_hit_rates_stand_beside_their_bound_and_the_prediction() -> None:
    pool = PoolSettings(gpu_blocks=8, tokens_per_block=4)
    report = summarise(Observed(variant=PLAN, exchanges=REPEATED, elapsed_ms=100.0, pool=pool))
    assert (report.token_hit_rate, report.bound, report.predicted_token_hit_rate) == (
        7 / 16,
        7 / 16,
        7 / 16,
    )
    assert (report.block_hit_rate, report.predicted_block_hit_rate) == (0.5, 0.5)
    assert report.share_of_bound == 1.0
    assert (report.requests_per_s, report.prompt_tokens_per_s) == (20.0, 160.0)


def test_what_warmed_the_cache_counts_as_content_only() -> None:
    pool = PoolSettings(gpu_blocks=8, tokens_per_block=4)
    report = summarise(
        Observed(variant=PLAN, warm_up=REPEATED[:1], exchanges=REPEATED[1:], pool=pool)
    )
    assert report.requests == 1
    assert report.predicted_block_hit_rate == 1.0
    assert report.bound == 0.0


def test_the_baseline_has_no_bound() -> None:
    baseline = Variant("baseline", "", Plan(agent="agent.py"), reuse=False)
    assert summarise(Observed(variant=baseline, exchanges=REPEATED)).bound is None


def test_what_the_deployment_does_not_tell_is_left_open() -> None:
    silent = Exchange("ask", Generated(text="x"), 20.0)
    report = summarise(Observed(variant=PLAN, exchanges=(silent,)))
    assert (report.token_hit_rate, report.block_hit_rate, report.bound, report.ttft_ms) == (
        None,
        None,
        None,
        None,
    )
    assert report.latency_ms is not None and report.latency_ms.p50 == 20.0


def test_nothing_measured_gives_a_report_all_the_same() -> None:
    assert summarise(Observed(variant=PLAN)).requests == 0


def test_drift_counts_outputs_and_the_tokens_behind_the_first_difference() -> None:
    drift = summarise(Observed(variant=PLAN, exchanges=REPEATED)).drift
    assert drift is not None
    assert (drift.outputs, drift.differing, drift.output_tokens, drift.tokens_behind) == (
        2,
        1,
        2,
        1,
    )


@pytest.mark.parametrize(
    ("count", "expected"), [(1, (1, 1, 1)), (100, (50, 95, 99)), (200, (100, 190, 198))]
)
def test_a_percentile_is_a_value_that_was_measured(
    count: int, expected: tuple[int, int, int]
) -> None:
    found = percentiles([float(value) for value in range(count, 0, -1)])
    assert found is not None and (found.p50, found.p95, found.p99) == expected
