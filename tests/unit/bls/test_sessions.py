"""Which session a request belongs to, what is remembered of it, and when an answer is followed
up."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from charter_engine.bls.features import FEATURES
from charter_engine.bls.forest import Forest
from charter_engine.bls.pauses import Pauses
from charter_engine.bls.retention import Rule
from charter_engine.bls.reuse_times import NodeRules, RefreshWorth, ReuseTimeRules
from charter_engine.bls.sessions import Sessions
from charter_engine.bls.worths import Worths
from tests.unit.bls.streams import (
    SYSTEM,
    answered,
    demotable,
    final_records,
    followed_up,
    prompt,
    reuse_times,
    turns,
    visited,
)


def test_growing_prompts_are_recognised_as_the_sessions_they_belong_to() -> None:
    sessions = Sessions(reuse_times("sent"))
    for turn in range(4):
        for start in (10_000, 90_000, 50_000):
            sent = sessions.sent("", prompt(start, 1_000 + 100 * turn), "main", turn * 10.0)
            assert sent.number == turn + 1


def test_sessions_recognised_by_content_ask_for_what_named_ones_do() -> None:
    stream = turns(20, 3, append_only=True)
    named = final_records(Sessions(reuse_times("answered")), stream)
    assert final_records(Sessions(reuse_times("answered")), stream, named=False) == named


def test_another_prompt_under_the_same_head_is_another_session() -> None:
    sessions = Sessions(reuse_times("sent"))
    sessions.sent("", prompt(10_000), "main", 0.0)
    assert sessions.sent("", prompt(90_000, 200), "main", 1.0).number == 1


def test_a_short_first_message_under_a_head_known_to_be_shared_is_no_reason_to_join() -> None:
    known = replace(reuse_times("sent"), nodes={"main": NodeRules(0.5, shared_tokens=SYSTEM)})
    sessions = Sessions(known)
    sessions.sent("", prompt(10_000, 30), "main", 0.0)
    assert sessions.sent("", prompt(90_000, 30), "main", 1.0).number == 1


def test_a_prompt_that_repeats_an_answer_goes_on_from_the_session_that_got_it() -> None:
    sessions = Sessions(reuse_times("answered"))
    first = sessions.sent("", prompt(10_000), "main", 0.0)
    sessions.answered(first, np.arange(70_000, 70_200), 1.0)
    second = sessions.sent("", np.concatenate((prompt(10_000, 400), prompt(1, 50))), "main", 2.0)
    assert second.session is not first.session
    next_prompt = np.concatenate((prompt(10_000), np.arange(70_000, 70_200), prompt(1, 50))).astype(
        np.int32
    )
    assert sessions.sent("", next_prompt, "main", 3.0).session is first.session


def test_only_so_many_sessions_are_remembered_and_the_latest_stay() -> None:
    sessions = Sessions(reuse_times("sent"), most_sessions=3)
    for name in "abcad":
        sessions.sent(name, prompt(ord(name) * 1_000), "main", 0.0)
    assert sessions.sent("a", prompt(1), "main", 1.0).number == 3
    assert sessions.sent("b", prompt(1), "main", 1.0).number == 1


def test_only_so_many_tokens_are_remembered_and_of_the_forgotten_nothing_is_left() -> None:
    sessions = Sessions(reuse_times("sent"), most_tokens=5_000)
    for start in range(10_000, 1_000_000, 10_000):
        sessions.sent("", prompt(start), "main", 0.0)
    assert sessions._tokens <= 5_000
    assert len(sessions._prefixes._owners) <= 5_000 // 64
    assert sessions.sent("", prompt(10_000, 1_100), "main", 1.0).number == 1


def test_nothing_is_asked_of_a_first_request_before_it_is_answered() -> None:
    sessions, sent, level = followed_up()
    assert sessions.asked(sent) == {}
    assert sessions.refreshed(sent, level, 1_750, 1.0)["retention_token_range_priorities"]


def test_an_answer_that_changes_little_is_not_followed_up() -> None:
    sessions, _, _ = followed_up()
    for turn in range(1, 6):
        sent = sessions.sent("a", prompt(10_000, 1_000 + turn), "main", turn * 5.0)
        last = answered(sessions, sent, turn * 5.0 + 1.0)
    assert last is None


def test_an_answer_is_not_followed_up_when_the_sessions_next_request_is_there() -> None:
    sessions = Sessions(reuse_times("answered"))
    sent = sessions.sent("a", prompt(10_000), "main", 0.0)
    sessions.sent("a", prompt(10_000, 1_100), "main", 0.5)
    assert answered(sessions, sent, 1.0) is None


def test_a_request_that_says_itself_what_it_wants_is_not_followed_up_but_remembered() -> None:
    sessions = Sessions(reuse_times("answered"))
    sent = sessions.sent("a", prompt(10_000), "main", 0.0, explicit=True)
    assert answered(sessions, sent, 1.0) is None
    assert sessions.sent("a", prompt(10_000), "main", 9.0).level is not None


def test_a_follow_up_covers_prompt_and_answer_and_leaves_the_tail_that_is_never_used_again() -> (
    None
):
    tail = replace(
        reuse_times("answered"),
        nodes={"main": NodeRules(0.5, 100, Rule(100), 600)},
        rules=(Rule(50, 9_000),) * 32,
    )
    sessions = Sessions(tail)
    sent = sessions.sent("a", prompt(10_000), "main", 0.0)
    asked = sessions.refreshed(sent, 0, 1_750, 1.0)
    assert asked["retention_token_range_starts"] == [0, 100, 1_100, 1_700]
    assert asked["retention_token_range_ends"] == [100, 1_100, 1_700, -1]
    assert asked["retention_token_range_priorities"] == [100, 50, 0, 50]
    assert asked["retention_token_range_durations_ms"] == [-1, 9_000, -1, 9_000]


def test_the_end_of_prompt_and_answer_ranks_above_the_rest() -> None:
    rules = replace(reuse_times("answered"), rules=(Rule(36, 9_000),) * 32, last_tokens=128)
    sessions = Sessions(replace(rules, nodes={}))
    sent = replace(sessions.sent("a", prompt(10_000), "main", 0.0), level=0)
    asked, refreshed = sessions.asked(sent), sessions.refreshed(sent, 0, 1_750, 1.0)
    assert asked["retention_token_range_starts"] == [0, 1_572]
    assert asked["retention_token_range_priorities"] == [36, 37]
    assert asked["retention_decode_priority"] == [37]
    assert refreshed["retention_token_range_ends"] == [1_572, -1]
    assert refreshed["retention_token_range_durations_ms"] == [9_000, 9_000]


def test_a_prompt_that_is_not_worth_keeping_has_no_end_that_is() -> None:
    rules = replace(reuse_times("answered"), rules=(Rule(35),) * 32, last_tokens=128, nodes={})
    sessions = Sessions(rules)
    sent = replace(sessions.sent("a", prompt(10_000), "main", 0.0), level=0)
    assert sessions.asked(sent)["retention_token_range_priorities"] == [35]


def test_sessions_of_many_threads_stay_apart() -> None:
    sessions = Sessions(reuse_times("answered"))

    def play(number: int) -> None:
        for turn in range(20):
            sent = sessions.sent(
                str(number), prompt(number * 10_000, 1_000 + turn), "main", float(turn)
            )
            assert sent.number == turn + 1
            sessions.answered(sent, np.arange(5), turn + 0.5)

    threads = [threading.Thread(target=play, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(
        sessions.sent(str(number), prompt(1), "main", 99.0).number == 21 for number in range(8)
    )


def test_a_prompt_ranks_anew_only_when_its_refresh_is_sent() -> None:
    """What lay idle is worth less than what comes next, which ranks above it where it is held."""

    def next_rank(*, is_sent: bool) -> int | None:
        worths = Worths(ages_s=(0.0, 10.0), rows=((0.5, 0.1),), ahead_s=(1.0,))
        forest = Forest(((),) * len(FEATURES), 0.0)
        worth = RefreshWorth(((0.0,), (1.0,)))
        rules = ReuseTimeRules(
            "answered", worth, (), (Rule(60, 60_000),), {}, forest, worths=worths
        )
        sessions = Sessions(rules)
        first = sessions.sent("a", prompt(10_000), "", 0.0)
        assert answered(sessions, first, 1.0) == 0
        if is_sent:
            sessions.refreshed(first, 0, 1_750, 1.0)
        answered(sessions, sessions.sent("b", prompt(50_000), "", 1.0), 2.0)
        return sessions.sent("b", prompt(50_000, 1_100), "", 30.0).priority

    assert (next_rank(is_sent=False), next_rank(is_sent=True)) == (60, 61)


def test_a_prompt_that_came_to_be_worth_less_than_what_goes_first_is_demoted_once() -> None:
    sessions = demotable(27.0)
    assert sessions.demotion(20.5, 0) is None
    demoted = sessions.demotion(27.0, 0)
    assert demoted is not None
    assert demoted.token_ids[SYSTEM] == 10_000
    assert set(demoted.retention["retention_token_range_priorities"]) == {34}
    assert sessions.demotion(27.0, 0) is None


def test_prompts_of_one_level_are_demoted_by_what_each_is_worth_itself() -> None:
    """Here sessions with short prompts do not come back, and all others do."""
    length = FEATURES.index("prompt tokens")
    cuts = tuple((1_000.0,) if index == length else () for index in range(len(FEATURES)))
    forest = Forest(cuts, 0.0, ((length,),), ((0,),), ((9.0, -9.0),))
    sessions = demotable(27.0, pauses=Pauses((100.0,), 0.0, (0.0, 0.0), (1,), forest))
    visited(sessions, "short", 70_000, 26.0, tokens=200)
    demoted = sessions.demotion(27.0, 0)
    assert demoted is not None
    assert demoted.token_ids[SYSTEM] == 70_000


def test_what_is_demoted_is_as_much_of_a_prompt_as_is_there() -> None:
    whole, part = (demotable(27.0, blocks).demotion(27.0, 0) for blocks in (100, 50))
    assert whole is not None and part is not None
    assert len(part.token_ids) % 64 == 1
    assert 0 < len(part.token_ids) < len(whole.token_ids)


def test_a_prompt_that_goes_on_from_its_answer_leaves_nothing_behind_in_the_pool() -> None:
    sessions = demotable(0.0)
    sent = sessions.sent("new", prompt(90_000), "", 1.0)
    output = np.arange(200, dtype=np.int32)
    sessions.answered(sent, output, 2.0)
    assert sessions._pool is not None
    before = len(list(sessions._pool.in_order(2.0)))
    sessions.sent("new", np.concatenate((prompt(90_000), output, output)), "", 3.0)
    assert len(list(sessions._pool.in_order(3.0))) == before


def test_nothing_is_demoted_in_a_pool_that_nobody_knows() -> None:
    sessions = demotable(27.0)
    unknown = Sessions(replace(sessions.reuse_times, room=None))
    assert unknown.demotion(27.0, 0) is None
    assert sessions.demotion(27.0, 0) is not None


def test_an_error_in_what_is_presumed_of_the_pool_harms_no_request_and_is_told_once() -> None:
    sessions = demotable(27.0)
    assert sessions._pool is not None
    del sessions._pool._levels
    visited(sessions, "c", 90_000, 25.0)
    with pytest.raises(AttributeError):
        sessions.demotion(27.0, 0)
    visited(sessions, "c", 90_000, 28.0)
    assert sessions.demotion(30.0, 0) is None


def test_the_prompt_of_a_session_that_was_forgotten_is_not_demoted() -> None:
    sessions = demotable(27.0)
    sessions._most_sessions = 2
    visited(sessions, "c", 90_000, 26.0)
    assert sessions.demotion(27.0, 0) is None
