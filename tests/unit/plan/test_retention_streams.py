"""Policies on streams of requests: what is learnt, what each request asks for, and when the
guardrail keeps out."""

from dataclasses import replace
from functools import cache
from typing import Literal

import msgspec
import numpy as np
import pytest

from charter_engine.contracts.pool import Eviction
from charter_engine.contracts.reuse_times import RefreshCost
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor, resolve_retention
from charter_engine.kvcache.workload.columns import Ints, Workload, as_workload
from charter_engine.plan.retention.features import by_session
from charter_engine.plan.retention.model import ReuseTimeModel, learn, most_telling
from charter_engine.plan.retention.online import room_of
from charter_engine.plan.retention.streams import Choice, annotate, choose, compare
from tests.follow_ups import FollowedUp, with_follow_ups

pytestmark = pytest.mark.slow

POOL = PoolSettings(120, 64)


def sessions(count: int, seed: int, *, patient: bool = True, named: bool = True) -> Workload:
    """Sessions of one growing prompt each; every other one is slow if `patient`, else all wait
    alike at random."""
    random = np.random.default_rng(seed)
    requests = []
    for session in range(count):
        now = random.uniform(0, 200)
        length = 10 * 64
        for turn in range(25):
            requests.append(
                WorkloadRequest(
                    timestamp=now * 1000,
                    input_length=length,
                    output_length=20,
                    hash_ids=tuple(range(session * 1_000, session * 1_000 + length // 64)),
                    block_tokens=64,
                    node="main",
                    session=f"{seed}-{session}" if named else "",
                )
            )
            slow = patient and session % 2 == 1
            now += (
                random.uniform(40, 80)
                if slow
                else random.uniform(4, 8)
                if patient
                else random.exponential(20)
            )
            length += 64 * (turn % 5 == 0)
    return as_workload(sorted(requests, key=lambda request: request.timestamp))


def ended_at_random(workload: Workload) -> Workload:
    """The same sessions, each of which any request may end."""
    random = np.random.default_rng(1)
    going_on = [requests[: random.geometric(1 / 20)] for requests in by_session(workload)]
    return workload.select(np.sort(np.concatenate(going_on)))


@cache
def past() -> Workload:
    return sessions(40, 1)


@cache
def model() -> ReuseTimeModel:
    return learn(past())


@cache
def chosen() -> Choice:
    """What the guardrail takes on a scarce pool without a host tier."""
    return choose(past(), POOL)


def by_one_score(model: ReuseTimeModel) -> ReuseTimeModel:
    """The model without its second score."""
    return msgspec.structs.replace(model, division=None)


def priorities(workload: Workload) -> dict[str, list[int]]:
    asked: dict[str, list[int]] = {}
    for index, record in workload.retention.items():
        asked.setdefault(workload.sessions[workload.session[index]], []).append(
            record.ranges[0].priority
        )
    return asked


def test_many_requests_of_like_score_are_told_apart_by_a_second_one() -> None:
    many, few = learn(sessions(60, 1)), model()
    assert many.division is not None and few.division is None
    assert len(many.levels) == many.division.parts * (len(many.steps) + 1)
    workload = sessions(4, 2)
    sent, _ = many.levels_of(workload)
    groups = by_one_score(many).levels_of(workload)[0]
    assert (sent // many.division.parts == groups).all()
    assert len(np.unique(sent)) > len(np.unique(groups))


def test_sessions_that_return_soon_rank_above_those_that_do_not() -> None:
    asked = priorities(annotate(sessions(10, 2), "next-use", model()))
    fast, slow = [asked[f"2-{n}"][5:] for n in (0, 2, 4)], [asked[f"2-{n}"][5:] for n in (1, 3, 5)]
    assert np.mean(fast) > np.mean(slow) + 20


def test_a_request_is_decided_on_nothing_that_comes_after_it() -> None:
    workload = sessions(10, 2)
    whole = annotate(workload, "next-use", model()).retention
    begun = annotate(workload.select(range(100)), "next-use", model()).retention
    assert begun == {index: whole[index] for index in range(100)}


def test_its_own_output_does_not_change_what_a_request_asks_for() -> None:
    requests = list(sessions(10, 2).requests())
    longer = [
        *requests[:99],
        msgspec.structs.replace(requests[99], output_length=5_000, served_ms=90_000.0),
    ]
    before = annotate(as_workload(requests[:100]), "next-use", model()).retention
    assert annotate(as_workload(longer), "next-use", model()).retention == before


def test_a_model_says_how_good_it_is_and_what_it_looks_at() -> None:
    assert 0.5 < model().explained <= 1
    assert len(most_telling(model())) == 5


def test_a_model_survives_a_file() -> None:
    read = msgspec.json.decode(msgspec.json.encode(model()), type=ReuseTimeModel)
    workload = sessions(10, 2)
    assert (
        annotate(workload, "next-use", read).retention
        == annotate(workload, "next-use", model()).retention
    )


def test_next_use_beats_the_others_on_a_scarce_pool() -> None:
    compared = compare(sessions(40, 3), POOL, model())
    rates = compared.hit_rates
    assert rates["next-use"] > max(rates["default"], rates["static"], rates["steps"])
    assert compared.closed("next-use") > 0.5


def test_default_asks_for_nothing() -> None:
    annotated = annotate(sessions(4, 2), "next-use", model())
    assert annotate(annotated, "default").retention == {}


def test_next_use_without_a_model_is_refused() -> None:
    with pytest.raises(ValueError, match="reuse-time model"):
        annotate(sessions(2, 2), "next-use")


def test_requests_without_sessions_teach_nothing() -> None:
    with pytest.raises(ValueError, match="no sessions"):
        learn(sessions(4, 2, named=False))


def test_the_guardrail_takes_next_use_where_it_helped_unseen_sessions() -> None:
    assert chosen().policy == "next-use"
    assert "points" in chosen().reason.text


@pytest.mark.parametrize("eviction", ["leaf", "flat"])
def test_with_a_host_tier_the_guardrail_is_never_below_the_default(eviction: Eviction) -> None:
    pool = msgspec.structs.replace(POOL, host_blocks=POOL.gpu_blocks, eviction=eviction)
    choice = choose(past(), pool)
    compared = compare(past(), pool, model(), pricing=choice.variant.pricing)
    assert compared.hit_rates[choice.policy] >= compared.hit_rates["default"] - 0.005


def test_a_choice_for_the_moment_of_the_answer_says_what_it_takes() -> None:
    assert "follows up answers" in choose(past(), POOL, decide_at="answered").reason.text
    assert "follow" not in chosen().reason.text


def test_follow_ups_are_requests_over_the_same_prompts_right_behind_the_first() -> None:
    workload = sessions(10, 2)
    served = np.full(len(workload), 1_000.0)
    answered = learn(past(), "answered", refresh_cost=RefreshCost(0.0, 0.0))
    followed = with_follow_ups(replace(workload, served_ms=served), answered)
    doubled, own = followed.workload, followed.own
    follow_ups = doubled.select(np.setdiff1d(np.arange(len(doubled)), own))
    assert np.array_equal(doubled.arrival_ms[own], workload.arrival_ms)
    assert np.isin(follow_ups.arrival_ms, workload.arrival_ms).all()
    assert 10 <= len(follow_ups) < len(workload)
    assert all(index in follow_ups.retention for index in range(len(follow_ups)))


def test_a_follow_up_that_the_next_request_overtakes_is_left_out() -> None:
    workload = sessions(10, 2)
    late = replace(workload, served_ms=np.full(len(workload), 1e9))
    followed = with_follow_ups(late, learn(past(), "answered"))
    assert len(followed.workload) - len(followed.own) <= 10  # the last requests of the sessions


def test_the_guardrail_stays_with_defaults_where_reuse_times_tell_nothing() -> None:
    choice = choose(sessions(12, 1, patient=False), PoolSettings(100_000, 64))
    assert choice.policy == "default"
    assert choice.model is None


def test_with_a_host_tier_the_guardrail_takes_next_use_where_the_past_fits_both_tiers() -> None:
    pool = PoolSettings(100, 64, host_blocks=100_000, eviction="flat")
    choice = choose(sessions(12, 1), pool)
    assert choice.policy == "next-use"
    assert "where more comes than fits" in choice.reason.text


def test_the_guardrail_goes_by_the_gain_where_reuse_times_tell_nothing() -> None:
    pool = PoolSettings(120, 64, host_blocks=240, eviction="flat")
    choice = choose(ended_at_random(sessions(40, 1, patient=False)), pool)
    assert choice.policy == "next-use"
    assert choice.model is not None and choice.model.explained < 0.02


def test_the_guardrail_stays_with_defaults_without_sessions() -> None:
    assert choose(sessions(4, 1, named=False), POOL).policy == "default"


@pytest.mark.parametrize("eviction", ["leaf", "flat"])
def test_demotions_find_what_they_are_of_and_save_more_than_they_cost(
    eviction: Literal["leaf", "flat"],
) -> None:
    """Of each prompt all but the last token is there, in all but a few."""
    workload, model = sessions(20, 2), learn(past(), "answered")
    pool = PoolSettings(POOL.gpu_blocks, 64, eviction=eviction)
    plain, demoted = (with_follow_ups(workload, model, room=room) for room in (None, room_of(pool)))
    reused = found(plain, pool)[plain.own].sum()
    all_found = found(demoted, pool)
    missing = (demoted.workload.input_length - 1 - all_found)[demoted.demotions]
    assert len(demoted.demotions) >= 5
    assert (missing < 3 * 64).mean() > 0.9
    assert all_found[demoted.own].sum() - missing.clip(0).sum() >= reused


def found(followed: FollowedUp, pool: PoolSettings) -> Ints:
    """The tokens that each request reuses."""
    predictor = Predictor(followed.workload)
    asked = resolve_retention(followed.workload, None)
    reused: Ints = predictor.simulate(pool, asked).reused_tokens.clip(0)
    return reused
