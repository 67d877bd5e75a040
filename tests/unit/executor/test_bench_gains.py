"""Where gains come from."""

import pytest
from msgspec.structs import replace

from charter_engine.contracts.benching import BatchCell, Percentiles, VariantReport
from charter_engine.contracts.plan import NodePlan, Plan, ServerSettings
from charter_engine.executor.bench.gains import batch_gains, differences_of, lever_shares
from charter_engine.executor.bench.recorder import Exchange
from charter_engine.executor.bench.variants import variants_of
from charter_engine.triton.request import Generated

PLAN = Plan(
    agent="agent.py",
    nodes={"a": NodePlan(layout="prefix-first", order=(1, 0))},
    server=ServerSettings(tokens_per_block=8),
)


def report(name: str, hit_rate: float, ttft: float) -> VariantReport:
    return VariantReport(
        name=name, what="", reuse=True, tokens_per_block=8, pool_blocks=8, token_hit_rate=hit_rate,
        ttft_ms=Percentiles(ttft, ttft, ttft, ttft, 1),
    )  # fmt: skip


def test_a_levers_share_is_what_the_plan_loses_without_it() -> None:
    reports = {
        "plan": report("plan", 0.8, 20.0),
        "no layout": report("no layout", 0.3, 50.0),
        "no block size": report("no block size", 0.7, 30.0),
    }
    shares = {one.lever: one for one in lever_shares(PLAN, variants_of(PLAN), reports)}
    assert shares["layout"].token_hit_rate_gained == pytest.approx(0.5)
    assert shares["block_size"].ttft_ms_saved == pytest.approx(10.0)
    assert shares["retention"].token_hit_rate_gained == 0.0
    assert "no retention" in shares["retention"].note


def test_a_lever_is_told_by_tokens_and_times_as_well() -> None:
    reports = {
        "plan": replace(report("plan", 0.8, 20.0), prompt_tokens=1_000, elapsed_ms=900.0),
        "no layout": replace(
            report("no layout", 0.2, 80.0), prompt_tokens=1_000, elapsed_ms=1_000.0
        ),
    }
    (layout, *_) = lever_shares(PLAN, variants_of(PLAN), reports)
    assert layout.computed_tokens_saved == pytest.approx(600)
    assert layout.whole_ms_saved == pytest.approx(100)
    assert layout.ttft_p95_ms_saved is not None and layout.ttft_p95_ms_saved > 0


def test_a_lever_that_was_not_measured_has_no_share() -> None:
    shares = lever_shares(PLAN, variants_of(PLAN), {"plan": report("plan", 0.8, 20.0)})
    assert shares[0].token_hit_rate_gained is None


def test_a_batchs_gain_is_told_apart_into_concurrency_and_reuse() -> None:
    cell = BatchCell(
        variant="baseline",
        concurrency=1,
        requests=10,
        elapsed_ms=1.0,
        requests_per_s=2.0,
        prefill_ms=40.0,
        token_hit_rate=0.0,
    )
    batch = batch_gains((
        cell,
        replace(cell, variant="plan", requests_per_s=3.0, prefill_ms=10.0, token_hit_rate=0.8),
        replace(cell, concurrency=10, requests_per_s=6.0),
        replace(cell, variant="plan", concurrency=10, requests_per_s=8.0),
    ))  # fmt: skip
    assert (batch.gain, batch.concurrency_gain, batch.reuse_gain) == (4.0, 3.0, 1.5)
    assert batch.prefill_gain == 4.0
    assert batch.prefill_limit == pytest.approx(5.0)


def test_what_a_request_costs_under_the_plan_is_set_beside_as_written_with_intervals() -> None:
    def exchanges(reused: int) -> list[Exchange]:
        told = Generated(text="", prompt_tokens=100, reused_tokens=reused, ttft_ms=1.0)
        return [Exchange("ask", told, 20.0) for _ in range(8)]

    found = differences_of({"source": exchanges(10), "plan": exchanges(70)})
    computed = next(one for one in found if one.figure == "computed tokens")
    assert (computed.before, computed.after, computed.difference) == (90, 30, -60)
    assert (computed.low, computed.high) == (-60, -60)
    assert differences_of({"plan": exchanges(70)}) == ()
