"""At which priority a prompt is held beside others."""

from charter_engine.bls.ranking import Ranking, Worths
from charter_engine.bls.retention import DEFAULT, NEVER_AGAIN, Rule

RISING, STEADY, FALLING = range(3)
WORTHS = Worths(
    ages_s=(0.0, 10.0, 20.0),
    rows=((0.1, 0.2, 0.4), (0.3, 0.3, 0.3), (0.5, 0.1, 0.0)),
    ahead_s=(1.0,),
)
HALF_A_MINUTE = Rule(60, 30_000)


def held(kind: int, tokens: int = 1_000) -> Ranking:
    """One prompt of a kind, held from second 0 at priority 60."""
    ranking = Ranking(WORTHS)
    assert ranking.hold("old", kind, HALF_A_MINUTE, tokens, 0.0) == HALF_A_MINUTE
    return ranking


def rank(ranking: Ranking, kind: int, now_s: float) -> int:
    return ranking.hold("new", kind, HALF_A_MINUTE, 1_000, now_s).priority


def test_a_prompt_ranks_right_above_one_that_will_be_worth_less() -> None:
    assert rank(held(STEADY), FALLING, 1.0) == 61


def test_a_prompt_ranks_right_below_one_that_will_be_worth_more() -> None:
    assert rank(held(FALLING), STEADY, 1.0) == 59


def test_what_lay_idle_counts_by_what_it_is_worth_by_then() -> None:
    assert rank(held(FALLING), STEADY, 10.0) == 61
    assert rank(held(RISING), STEADY, 20.0) == 59


def test_a_prompt_that_is_held_no_longer_does_not_count() -> None:
    assert rank(held(FALLING), STEADY, 30.0) == 60
    assert rank(held(RISING), STEADY, 29.5) == 60


def test_a_sessions_next_prompt_takes_the_place_of_the_one_before() -> None:
    ranking = held(FALLING)
    assert ranking.hold("old", STEADY, HALF_A_MINUTE, 1_000, 1.0).priority == 60


def test_where_no_rank_suits_all_the_longer_prompt_counts() -> None:
    """What was worth most at second 0 is worth least at 20, and stands at 61 over what stands at
    60."""
    for steady_tokens, expected in ((100, 62), (1_000, 59)):
        ranking = held(STEADY, steady_tokens)
        assert ranking.hold("other", FALLING, HALF_A_MINUTE, 1_000, 0.0).priority == 61
        assert rank(ranking, RISING, 20.0) == expected


def test_an_answer_begins_the_time_anew() -> None:
    ranking = held(FALLING)
    ranking.answered("old", FALLING, 9.0)
    assert rank(ranking, STEADY, 10.0) == 59
    assert rank(ranking, STEADY, 37.5) == 61
    assert rank(ranking, STEADY, 39.0) == 60


def test_a_rule_that_holds_nothing_stays_as_it_is_and_ranks_nowhere() -> None:
    ranking = held(FALLING)
    for rule in (DEFAULT, NEVER_AGAIN):
        assert ranking.hold("old", STEADY, rule, 1_000, 1.0) == rule
    assert rank(ranking, STEADY, 1.0) == 60


def test_a_prompt_that_lay_idle_before_ranks_by_its_age() -> None:
    for idle_s, expected in ((0.0, 61), (10.0, 59)):
        ranking = held(STEADY)
        rule = ranking.hold("new", FALLING, HALF_A_MINUTE, 1_000, 15.0, idle_s)
        assert rule.priority == expected
