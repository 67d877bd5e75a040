"""Predictions: what is in them and what they stand beside."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import PoolSettings, Retention, TokenRange
from charter_engine.kvcache.predict import predictor
from charter_engine.kvcache.predict.latency import from_first_principles
from charter_engine.kvcache.predict.predictor import Predictor, plan_retention, predict
from charter_engine.kvcache.predict.timeline import Timing
from charter_engine.kvcache.workload.columns import as_workload

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[3] / "examples"
POOL = PoolSettings(6, 4)
KEPT = Retention(ranges=(TokenRange(start=0, priority=90),))


def _requests(retention: Retention | None = None) -> list[WorkloadRequest]:
    """A system prompt that returns after another node's prompts have filled the pool."""
    system, others = tuple(range(9)), [tuple(range(100 * i, 100 * i + 13)) for i in range(1, 5)]
    prompts = [("system", system), *(("other", tokens) for tokens in others), ("system", system)]
    return [
        WorkloadRequest(
            timestamp=1000.0 * at, input_length=len(tokens), output_length=2, token_ids=tokens,
            node=node, retention=retention if node == "system" else None,
        )
        for at, (node, tokens) in enumerate(prompts)
    ]  # fmt: skip


def test_a_system_prompt_pushed_out_is_computed_again() -> None:
    prediction = predict(_requests(), POOL)
    assert (prediction.requests, prediction.prompt_tokens) == (6, 70)
    assert prediction.token_hit_rate == 0
    assert (prediction.reused_blocks, prediction.missed_blocks) == (0, 3 * 2 + 4 * 4)
    # 16 blocks were entered; one of the pool's 6 is blank at the end.
    assert prediction.evictions_by_priority == {35: 11}


@pytest.mark.parametrize("how", ["in the requests", "by node", "by request"])
def test_retention_keeps_it(how: str) -> None:
    kept = Retention((TokenRange(0, None, 90),))
    if how == "in the requests":
        prediction = predict(_requests(KEPT), POOL)
    else:
        by_request = [kept if r.node == "system" else None for r in _requests()]
        prediction = predict(
            _requests(), POOL, retention={"system": kept} if how == "by node" else by_request
        )
    system = next(node for node in prediction.nodes if node.node == "system")
    assert (system.requests, system.prompt_tokens, system.reused_tokens) == (2, 18, 8)
    assert prediction.bracket is not None
    assert prediction.bracket.default_lru == 0
    assert prediction.bracket.optimum == pytest.approx(8 / 70)


def test_where_parts_of_blocks_make_lru_the_better_one_it_is_the_upper_end() -> None:
    lines = (EXAMPLES / "workloads/document_processor.jsonl").read_bytes().splitlines()
    requests = [msgspec.json.decode(line, type=WorkloadRequest) for line in lines]
    bracket = predict(requests, PoolSettings(200, 32)).bracket
    assert bracket is not None
    assert bracket.optimum == bracket.default_lru


def test_times_carry_the_label_of_their_model_and_none_are_made_up() -> None:
    plain = predict(_requests(), POOL)
    assert (plain.ttft_ms_mean, plain.makespan_ms) == (None, None)
    timed = predict(_requests(), POOL, latency=from_first_principles(), timing=Timing())
    assert timed.times_label == "assumed"
    assert timed.makespan_ms is not None
    assert timed.makespan_ms > 5000
    assert timed.ttft_ms_mean is not None
    assert timed.ttft_ms_p95 is not None
    assert timed.ttft_ms_p95 >= timed.ttft_ms_mean


def test_a_request_without_room_counts_as_a_miss() -> None:
    prediction = predict(_requests(), PoolSettings(3, 4))
    assert prediction.rejected == 4
    assert prediction.token_hit_rate == pytest.approx(8 / 70)


def test_without_reuse_nothing_is_reused() -> None:
    prediction = predict(_requests(), PoolSettings(100, 4, reuse=False))
    assert (prediction.token_hit_rate, prediction.evictions_by_priority) == (0, {})


def test_memory_is_that_of_the_pool() -> None:
    assert predict(_requests(), POOL, kv_bytes_per_token=10).memory_bytes == 6 * 4 * 10


def test_an_empty_workload_is_predicted_too() -> None:
    prediction = predict([], POOL, latency=from_first_principles())
    assert (prediction.requests, prediction.token_hit_rate, prediction.ttft_ms_mean) == (0, 0, None)


@pytest.mark.parametrize("there_is_numba", [True, False])
def test_machine_code_is_preferred_only_where_there_is_what_makes_it(
    there_is_numba: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictor, "_WORTH_LOADING_S", 0.0)
    monkeypatch.setattr(predictor, "_WORTH_COMPILING_S", 0.0)
    monkeypatch.setattr(predictor, "code_is_possible", lambda: there_is_numba)
    assert Predictor(_requests(KEPT)).prefers_compiled(POOL) == there_is_numba


def test_retention_for_another_number_of_requests_is_refused() -> None:
    with pytest.raises(ValueError, match="1 retention settings for 6 requests"):
        predict(_requests(), POOL, retention=[None])


def test_a_plans_retention_of_whole_prompts_goes_by_node() -> None:
    plan = Plan(
        agent="a",
        nodes={"system": NodePlan(retention=(SegmentRange(priority=90),), decode_priority=20)},
    )
    assert plan_retention(plan) == {"system": Retention((TokenRange(0, None, 90),), 20)}


def test_a_plans_retention_of_segments_needs_the_agents_own_workload() -> None:
    plan = Plan(
        agent="a",
        nodes={"system": NodePlan(retention=(SegmentRange(first=0, last=1, priority=90),))},
    )
    with pytest.raises(ValueError, match="segments"):
        plan_retention(plan)


def test_a_prediction_says_what_limits_its_workload() -> None:
    workload = replace(as_workload(_requests(KEPT)), notes=("3 records could not be read",))
    found = predict(workload, POOL, bracket=False)
    assert found.notes == ("3 records could not be read",)
