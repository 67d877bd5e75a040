"""Settings and retention decided on a recorded workload."""

from collections.abc import Sequence
from functools import cache

import pytest

from charter_engine.contracts.prediction import Prediction
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.predict.latency import from_first_principles
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.workload.columns import Workload, as_workload
from charter_engine.plan.derive import CurrentServer
from charter_engine.plan.on_workload import Decision, Trial, WorkloadSearch
from charter_engine.plan.retention.model import learn
from charter_engine.plan.search import Levers
from tests.unit.plan.test_retention_streams import sessions

pytestmark = pytest.mark.slow

SCARCE = CurrentServer(tokens_per_block=64, pool_tokens=60 * 64)
NO_HOST = Levers(block_size=False, host_tier=False)


def in_turn(predictor: Predictor, trials: Sequence[Trial]) -> Sequence[Prediction]:
    """One trial after another, in this process."""
    latency = from_first_principles()
    return [
        predictor.predict(one.settings, latency=latency, retention=one.retention, bracket=False)
        for one in trials
    ]


def search(workload: Workload, deployment: CurrentServer = SCARCE) -> WorkloadSearch:
    return WorkloadSearch(workload, "w.jsonl", deployment, run=in_turn)


@cache
def scarce() -> Decision:
    return search(sessions(20, 1)).decide(levers=NO_HOST)


def test_next_use_is_chosen_where_sessions_not_seen_gain_by_it() -> None:
    decision = scarce()
    assert decision.chosen.point.policy == "next-use"
    assert decision.chosen.token_hit_rate > decision.as_it_is.token_hit_rate
    assert decision.learnt_here
    assert "next-use brings" in decision.why["policy"].text


def test_all_policies_stand_between_default_and_the_optimum() -> None:
    compared = scarce().comparison
    assert set(compared.hit_rates) == {"default", "static", "steps", "next-use"}
    assert max(compared.hit_rates.values()) <= compared.optimum
    assert compared.closed("default") == 0
    assert (compared.closed("next-use") or 0) > 0.3


def test_where_everything_fits_nothing_is_decided_and_the_policies_are_still_compared() -> None:
    decision = search(sessions(10, 1), CurrentServer(tokens_per_block=64)).decide(levers=NO_HOST)
    assert decision.chosen.point.policy == "default"
    assert decision.comparison.ample
    assert "fits the pool" in decision.why["policy"].text
    assert len(set(decision.comparison.hit_rates.values())) == 1


def test_waits_that_tell_nothing_leave_defaults() -> None:
    decision = search(sessions(12, 1, patient=False)).decide(levers=NO_HOST)
    assert decision.chosen.point.policy != "next-use"
    assert not decision.learnt_here


def test_without_sessions_next_use_is_left_out_and_refused_if_asked_for() -> None:
    unnamed = search(sessions(6, 1, named=False))
    decision = unnamed.decide(levers=NO_HOST)
    assert "next-use" not in decision.comparison.hit_rates
    assert "no two sessions" in decision.comparison.note
    with pytest.raises(ValueError, match="no two sessions"):
        unnamed.decide(policy="next-use")


def test_a_policy_that_is_asked_for_is_taken_beside_the_guardrails_words() -> None:
    decision = search(sessions(12, 1, patient=False)).decide(levers=NO_HOST, policy="next-use")
    assert decision.chosen.point.policy == "next-use"
    assert "asked for" in decision.why["policy"].text


def test_waits_given_are_taken_as_they_are() -> None:
    given = (learn(sessions(20, 3)), 0.9)
    decision = WorkloadSearch(sessions(20, 1), "w.jsonl", SCARCE, run=in_turn, given=given).decide(
        levers=NO_HOST
    )
    assert (decision.model, decision.price, decision.learnt_here) == (*given, False)


def test_what_a_workload_carried_as_retention_does_not_count() -> None:
    from charter_engine.plan.retention.streams import annotate

    carried = annotate(sessions(10, 1), "steps")
    assert (
        search(carried).decide(levers=NO_HOST).as_it_is
        == search(sessions(10, 1)).decide(levers=NO_HOST).as_it_is
    )


def test_a_few_sessions_of_an_agent_of_a_few_calls_teach_their_waits() -> None:
    requests = [
        WorkloadRequest(
            timestamp=1000.0 * (session * 5 + at),
            input_length=64 * (8 + 4 * step),
            output_length=1,
            hash_ids=tuple(range(100 * session, 100 * session + 8 + 4 * step)),
            block_tokens=64,
            node=node,
            session=f"s{session}",
        )
        for session in range(30)
        for step, (node, at) in enumerate(
            (("read", 0), ("judge", 6 + session % 3), ("close", 13 + session % 4))
        )
    ]
    deployment = CurrentServer(tokens_per_block=64, pool_tokens=50 * 64)
    decision = search(as_workload(requests), deployment).decide(levers=NO_HOST)
    assert decision.model is not None
    assert decision.model.explained > 0.5
    assert decision.chosen.point.policy == "next-use"
