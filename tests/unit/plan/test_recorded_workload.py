"""Settings and retention decided on a recorded workload."""

from collections.abc import Sequence
from functools import cache

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from charter_engine.bls.presumed_pool import PoolRoom
from charter_engine.contracts.plan import Policy, Reason, ServerSettings
from charter_engine.contracts.planning import Levers, PlanPoint
from charter_engine.contracts.prediction import Prediction
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.predict.latency import from_first_principles
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.workload.columns import Workload, as_workload
from charter_engine.plan.decide import Asked, Decision, decide
from charter_engine.plan.pool import CurrentServer
from charter_engine.plan.recorded_workload import RecordedWorkload, Trial
from charter_engine.plan.retention.model import learn
from charter_engine.plan.retention.reuse_times_file import ReuseTimesFile
from charter_engine.plan.retention.scale import PRICING, Pricing
from charter_engine.plan.retention.variants import NextUse
from tests.unit.plan.test_retention_streams import sessions

pytestmark = pytest.mark.slow

SCARCE = CurrentServer(tokens_per_block=64, pool_tokens=60 * 64)
NO_HOST = Levers(block_size=False, host_tier=False)


def in_turn(predictor: Predictor, trials: Sequence[Trial]) -> Sequence[Prediction]:
    """One trial after another, in this process."""
    latency = from_first_principles()
    return [
        predictor.predict(
            one.settings,
            latency=latency,
            retention=one.retention,
            demotions=one.demotions,
            release=one.release,
            bracket=False,
        )
        for one in trials
    ]


def source(workload: Workload, deployment: CurrentServer = SCARCE) -> RecordedWorkload:
    return RecordedWorkload(workload, "w.jsonl", deployment, run=in_turn)


def decided(recorded: RecordedWorkload, policy: Policy | None = None) -> Decision:
    return decide(recorded, Asked(levers=NO_HOST, policy=policy))


@cache
def scarce() -> Decision:
    return decided(source(sessions(20, 1)))


def test_next_use_is_chosen_where_sessions_not_seen_gain_by_it() -> None:
    decision = scarce()
    assert decision.chosen.point.policy == "next-use"
    assert decision.chosen.token_hit_rate > decision.as_it_is.token_hit_rate
    assert source(sessions(20, 1)).is_learnt_here
    assert "next-use brings" in decision.why["policy"].text


def test_all_policies_stand_between_default_and_the_optimum() -> None:
    compared = scarce().comparison
    assert set(compared.hit_rates) == {"default", "static", "steps", "next-use"}
    assert max(compared.hit_rates.values()) <= compared.optimum
    assert compared.closed("default") == 0
    assert (compared.closed("next-use") or 0) > 0.3


def test_where_everything_fits_nothing_is_decided_and_the_policies_are_still_compared() -> None:
    decision = decided(source(sessions(10, 1), CurrentServer(tokens_per_block=64)))
    assert decision.chosen.point.policy == "default"
    assert decision.comparison.ample
    assert "fits the pool" in decision.why["policy"].text
    assert len(set(decision.comparison.hit_rates.values())) == 1


def test_sessions_that_never_return_leave_defaults() -> None:
    workload = sessions(40, 1)
    _, first = np.unique(workload.session, return_index=True)
    decision = decided(source(workload.select(np.sort(first))))
    assert not decision.comparison.ample
    assert decision.chosen.point.policy == "default"


def test_reuse_times_that_tell_nothing_are_followed_where_unseen_sessions_gain() -> None:
    decision = decided(source(sessions(12, 1, patient=False)))
    rates = decision.comparison.hit_rates
    gains = rates["next-use"] > rates["default"] + 0.001
    assert (decision.chosen.point.policy == "next-use") == gains


def test_without_sessions_next_use_is_left_out_and_refused_if_asked_for() -> None:
    unnamed = source(sessions(6, 1, named=False))
    decision = decided(unnamed)
    assert "next-use" not in decision.comparison.hit_rates
    assert "no two sessions" in decision.comparison.note
    with pytest.raises(ValueError, match="no two sessions"):
        decided(unnamed, "next-use")


def test_a_policy_that_is_asked_for_is_taken_beside_the_guardrails_words() -> None:
    decision = decided(source(sessions(12, 1, patient=False)), "next-use")
    assert decision.chosen.point.policy == "next-use"
    assert "asked for" in decision.why["policy"].text


def test_reuse_times_given_are_taken_as_they_are() -> None:
    given = ReuseTimesFile(model=learn(sessions(20, 3)), price=0.9)
    recorded = RecordedWorkload(sessions(20, 1), "w.jsonl", SCARCE, run=in_turn, given=given)
    variant = recorded.variant_under(ServerSettings())
    assert (recorded.model, variant, recorded.is_learnt_here) == (
        given.model,
        NextUse(Pricing(0.9)),
        False,
    )


def tried(workload: Workload, given: ReuseTimesFile | None = None) -> list[Trial]:
    """What is predicted of `next-use` as it is."""
    found: list[Trial] = []

    def noted(predictor: Predictor, trials: Sequence[Trial]) -> Sequence[Prediction]:
        found.extend(trials)
        return in_turn(predictor, trials)

    RecordedWorkload(workload, "w.jsonl", SCARCE, run=noted, given=given).evaluate(
        [PlanPoint("as recorded", 64, 0, "next-use"), PlanPoint("as recorded", 64, 60, "next-use")]
    )
    return found


def test_next_use_is_predicted_with_demotions_and_without_where_there_is_no_host_tier() -> None:
    demoting = {0: set[bool](), 60: set[bool]()}
    for trial in tried(sessions(20, 1)):
        demoting[trial.settings.host_blocks].add(bool(trial.demotions))
    assert demoting == {0: {False, True}, 60: {False}}


def test_reuse_times_given_demote_as_their_file_says() -> None:
    learnt, pricing = learn(sessions(20, 3)), msgspec.structs.asdict(PRICING)
    without = ReuseTimesFile(model=learnt, **pricing)
    assert not any(trial.demotions for trial in tried(sessions(20, 1), without))
    demoting = replace(without, room=PoolRoom(60, 64, "leaf"))
    assert any(trial.demotions for trial in tried(sessions(20, 1), demoting))


@pytest.mark.parametrize("seed", [1, 2])
def test_prompts_are_demoted_where_that_is_predicted_to_gain(seed: int) -> None:
    rates: dict[bool, float] = {}

    def noted(predictor: Predictor, trials: Sequence[Trial]) -> Sequence[Prediction]:
        predictions = in_turn(predictor, trials)
        for trial, prediction in zip(trials, predictions, strict=True):
            rates.setdefault(bool(trial.demotions), prediction.token_hit_rate)
        return predictions

    recorded = RecordedWorkload(sessions(20, seed), "w.jsonl", SCARCE, run=noted)
    point = PlanPoint("as recorded", 64, 0, "next-use")
    evaluation = recorded.evaluate([point])[0]
    assert recorded.variant_under(ServerSettings()).demotes == (rates[True] > rates[False])
    assert evaluation.token_hit_rate >= max(rates.values())


def test_what_a_workload_carried_as_retention_does_not_count() -> None:
    from charter_engine.plan.retention.streams import annotate

    carried = annotate(sessions(10, 1), "steps")
    assert decided(source(carried)).as_it_is == decided(source(sessions(10, 1))).as_it_is


def passing(count: int, turns: int = 3) -> Workload:
    """Short sessions that come one after another, each of whose prompts begins as the one before
    it."""
    requests = [
        WorkloadRequest(
            timestamp=1000.0 * (5 * session + 60 * turn),
            input_length=64 * (10 + turn),
            output_length=1,
            hash_ids=tuple(range(100 * session, 100 * session + 10 + turn)),
            block_tokens=64,
            session=f"s{session}",
        )
        for session in range(count)
        for turn in range(turns)
    ]
    return as_workload(sorted(requests, key=lambda request: request.timestamp))


RELEASING = Levers(block_size=False, host_tier=False, retention=False)
HOLDS_THE_LIVING = CurrentServer(tokens_per_block=64, pool_tokens=310 * 64)


def test_what_ended_sessions_leave_is_released_where_the_living_gain_by_it() -> None:
    decision = decide(source(passing(80), HOLDS_THE_LIVING), Asked(levers=RELEASING))
    assert decision.chosen.point.release == "session-end"
    assert decision.chosen.token_hit_rate > decision.as_it_is.token_hit_rate
    assert decision.levers["release"].point.release == "never"
    assert "charter_session_ends" in decision.why["release"].text


def test_where_nothing_can_be_released_the_plan_says_what_that_would_bring() -> None:
    left_out = {"release": Reason("never, left out: it has no call for it", "measured")}
    asked = Asked(levers=replace(RELEASING, release=False), left_out=left_out)
    decision = decide(source(passing(80), HOLDS_THE_LIVING), asked)
    assert decision.chosen.point.release == "never"
    assert decision.why["release"].text.startswith("never, left out: it has no call for it; ")
    assert "session-end +" in decision.why["release"].text


def test_nothing_is_released_where_the_workload_fits_the_pool_or_names_no_sessions() -> None:
    ample = source(passing(5), CurrentServer(tokens_per_block=64))
    unnamed = source(sessions(6, 1, named=False))
    for one in (ample, unnamed):
        decision = decide(one, Asked(levers=RELEASING))
        assert decision.chosen.point.release == "never"
        assert "release" not in decision.why


def test_a_few_sessions_of_an_agent_of_a_few_calls_teach_their_reuse_times() -> None:
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
    recorded = source(as_workload(requests), deployment)
    decision = decided(recorded)
    assert recorded.model is not None
    assert recorded.model.explained > 0.5
    assert decision.chosen.point.policy == "next-use"
