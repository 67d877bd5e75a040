"""What a run cost, and the verdict on two of them in words."""

import pytest
from msgspec.structs import replace

from charter_engine.contracts.costs import RunCost, Verdict
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.executor.run_costs import cost_of_run, is_as_written, verdict

COST = RunCost(computed_tokens=1_000, prompt_tokens=2_000, whole_ms=10_000.0)


def request(item: int, begin: float, **fields: object) -> RequestRecord:
    told = RequestRecord(
        run="r",
        node="n",
        item=item,
        started_at=begin,
        prompt_tokens=100,
        reused_tokens=40,
        output_tokens=8,
        ttft_ms=50.0,
        latency_ms=500.0,
    )
    return replace(told, **fields)


def test_a_run_costs_what_its_answered_requests_computed_generated_and_took() -> None:
    cost = cost_of_run(
        [request(0, 0.0), request(0, 0.5), request(1, 0.0), request(1, 1.0, error="refused")],
        items=2,
        elapsed_ms=1_500.0,
    )
    assert (cost.requests, cost.failures, cost.items) == (3, 1, 2)
    assert (cost.computed_tokens, cost.prompt_tokens, cost.output_tokens) == (180, 300, 24)
    assert (cost.whole_ms, cost.whole_ms_per_item, cost.ttft_ms) == (1_500.0, 750.0, 50.0)
    assert cost.token_hit_rate == pytest.approx(0.4)


def test_the_time_of_an_item_runs_from_its_first_request_to_its_last_answer() -> None:
    cost = cost_of_run([request(0, 0.0), request(0, 0.5), request(1, 3.0)], 2, 4_000.0)
    assert cost.item_ms == pytest.approx((1_000 + 500) / 2)


def test_tokens_that_one_request_does_not_tell_are_unknown_of_the_run() -> None:
    cost = cost_of_run([request(0, 0.0), request(1, 0.0, reused_tokens=None)], 2, 1.0)
    assert cost.computed_tokens is None
    assert cost.token_hit_rate is None
    assert cost.prompt_tokens == 200


def test_a_run_of_nothing_cost_nothing_that_is_known() -> None:
    cost = cost_of_run([], 0, 0.0)
    assert (cost.requests, cost.computed_tokens, cost.ttft_ms) == (0, None, None)
    assert cost.whole_ms_per_item is None


@pytest.mark.parametrize(
    ("computed", "whole", "words", "worth"),
    [
        (160, 14_500.0, "computes 84 % less, runs 45 % longer: not worth it here", False),
        (160, 7_000.0, "computes 84 % less, runs 30 % shorter: worth it", True),
        (160, 10_100.0, "computes 84 % less, runs as long: worth it", True),
        (1_300, 10_000.0, "computes 30 % more, runs as long: not worth it here", False),
        (5_200, 9_000.0, "computes 5.2 times as much, runs 10 % shorter: worth it", True),
        (1_010, 9_900.0, "computes as much, runs as long: no difference that counts", None),
        (None, 14_500.0, "runs 45 % longer: not worth it here", False),
        (160, None, "computes 84 % less; how long it runs is not known", None),
        (None, None, "", None),
    ],
)
def test_the_verdict_weighs_whole_time_before_tokens(
    computed: int | None, whole: float | None, words: str, worth: bool | None
) -> None:
    after = replace(COST, computed_tokens=computed, whole_ms=whole)
    assert verdict(COST, after) == Verdict(words, worth)


def test_a_verdict_on_assumed_times_says_so() -> None:
    guess = replace(COST, whole_ms=5_000.0, times_label="assumed")
    assert verdict(COST, guess).words.endswith("worth it (times assumed)")


def test_a_run_is_as_written_without_a_layout_or_retention_of_a_plan() -> None:
    planned = Plan(agent="a", nodes={"n": NodePlan(layout="prefix-first")})
    assert is_as_written("baseline", planned)
    assert is_as_written("plan", Plan(agent="a", nodes={"n": NodePlan()}))
    assert not is_as_written("plan", planned)
