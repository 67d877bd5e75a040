"""At which priority a prompt is held beside others."""

import numpy as np

from charter_engine.bls.ranking import Ranking
from charter_engine.bls.retention import (
    DEFAULT,
    DEFAULT_PRIORITY,
    MAX_PRIORITY,
    NEVER_AGAIN,
    Rule,
)
from charter_engine.bls.worths import Worths, WorthTable

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


def test_each_rank_is_the_one_that_comparing_with_every_prompt_gives() -> None:
    """Beside sessions that come, are answered and go."""
    random = np.random.default_rng(0)
    worths = Worths((0.0, 1.0, 3.0, 10.0), random.random((5, 4)).tolist(), (1.0, 3.0))
    ranking, one_by_one = Ranking(worths), OneByOne(worths)
    now_s = 0.0
    for _ in range(600):
        now_s += random.exponential(0.1)
        session, kind = int(random.integers(60)), int(random.integers(5))
        if random.random() < 0.3:
            ranking.answered(session, kind, now_s)
            one_by_one.answered(session, kind, now_s)
            continue
        rule = Rule(int(random.integers(35, 101)), int(random.integers(1, 20_000)))
        tokens, idle_s = int(random.integers(1, 100_000)), float(random.exponential(2.0))
        found = ranking.hold(session, kind, rule, tokens, now_s, idle_s)
        assert found.priority == one_by_one.rank(session, kind, rule, tokens, now_s, idle_s)


class OneByOne:
    """Each session's prompt: kind, priority, tokens, since when it is idle and until when it is
    held."""

    def __init__(self, worths: Worths) -> None:
        self._ahead_s, self._table = worths.ahead_s, WorthTable(worths)
        self._held: dict[int, tuple[int, int, int, float, float]] = {}

    def answered(self, session: int, kind: int, now_s: float) -> None:
        if session in self._held:
            _, priority, tokens, since_s, until_s = self._held[session]
            self._held[session] = kind, priority, tokens, now_s, until_s + now_s - since_s

    def rank(
        self, session: int, kind: int, rule: Rule, tokens: int, now_s: float, idle_s: float
    ) -> int:
        self._held.pop(session, None)
        self._held = {name: held for name, held in self._held.items() if held[-1] > now_s}
        if rule.priority <= DEFAULT_PRIORITY or rule.duration_ms is None:
            return rule.priority
        leads = [
            (held[1], self._lead(kind, idle_s, held, now_s) * min(held[2], tokens))
            for held in self._held.values()
        ]
        wrong = {
            rank: round(
                sum(abs(lead) for at, lead in leads if at == rank or (at > rank) == (lead > 0)), 6
            )
            for rank in range(DEFAULT_PRIORITY + 1, MAX_PRIORITY + 1)
        }
        least = min(wrong.values())
        best = min(
            (rank for rank in wrong if wrong[rank] == least),
            key=lambda rank: abs(rank - rule.priority),
        )
        until_s = now_s + (rule.duration_ms or 0) / 1000
        self._held[session] = kind, best, tokens, now_s - idle_s, until_s
        return best

    def _lead(
        self, kind: int, idle_s: float, held: tuple[int, int, int, float, float], now_s: float
    ) -> float:
        """By how much the prompt is worth more than one that is held, as long as that is."""
        other, _, _, since_s, until_s = held
        return sum(
            float(self._table.at(kind, idle_s + ahead_s))
            - float(self._table.at(other, now_s + ahead_s - since_s))
            for ahead_s in self._ahead_s
            if now_s + ahead_s < until_s
        )
