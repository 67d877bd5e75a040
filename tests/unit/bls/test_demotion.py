"""Which prompt is to give way first."""

from charter_engine.bls.demotion import (
    STANDS_S,
    Demotion,
    below,
    best_demotion,
    carry_out,
    ranges_left,
)
from charter_engine.bls.presumed_pool import PoolRoom, PresumedPool
from charter_engine.bls.retention import Rule, TokenRange
from charter_engine.bls.reuse_times import NodeRules
from charter_engine.bls.worths import Worths, WorthTable

FALLING, STEADY = range(2)
WORTHS = WorthTable(Worths(ages_s=(0.0, 10.0), rows=((0.5, 0.0), (0.25, 0.25)), ahead_s=(1.0, 3.0)))
SIZE = 64


def pool(*prompts: tuple[str, int, int, Rule]) -> PresumedPool:
    """One that holds these at second 0: session, blocks, kind and what was asked."""
    held = PresumedPool(PoolRoom(100, SIZE, "flat"))
    for session, blocks, kind, rule in prompts:
        held.serve(session, blocks * SIZE, 0, 0.0)
        held.ask(session, rule, 0.0)
        held.answered(session, WORTHS.row(kind), 0.0)
    return held


def test_what_has_come_to_be_worth_less_than_what_goes_first_is_demoted() -> None:
    held = pool(("a", 10, STEADY, Rule(50)), ("b", 20, FALLING, Rule(60)))
    assert best_demotion(held, WORTHS, 0.0) is None
    best = best_demotion(held, WORTHS, 20.0)
    assert best == Demotion("b", 20 * SIZE, Rule(34), 0.25 * 10 * SIZE * STANDS_S)


def test_what_was_demoted_goes_first_and_is_not_demoted_again() -> None:
    held = pool(("a", 10, STEADY, Rule(50)), ("b", 20, FALLING, Rule(60)))
    held.ask("b", below(50), 20.0)
    assert next(held.in_order(20.0)).session == "b"
    assert best_demotion(held, WORTHS, 20.0) is None


def test_what_two_prompts_of_a_session_have_left_is_demoted_over_the_earlier_one() -> None:
    held = pool(("a", 10, STEADY, Rule(50)))
    for now_s, (name, blocks, common) in enumerate((("old", 9, 0), ("new", 8, 2), ("new", 9, 8))):
        held.serve("b", blocks * SIZE, common * SIZE, now_s, name, lambda _: 2 * SIZE)
        held.ask("b", Rule(60, 9_000), now_s)
        held.answered("b", WORTHS.row(STEADY), now_s)
    best = best_demotion(held, WORTHS, 3.0)
    assert best is not None and best.left is not None
    assert (best.prompt, best.start, best.tokens) == ("old", 2 * SIZE, 9 * SIZE)
    assert carry_out(held, best, 3.0) == Rule(60, 8_000)
    assert next(held.in_order(3.0)) is best.left
    assert best_demotion(held, WORTHS, 3.0) is None


def test_nothing_is_demoted_while_what_sessions_have_left_behind_goes_first() -> None:
    held = pool(
        ("old", 30, STEADY, Rule(36)), ("a", 10, STEADY, Rule(50)), ("b", 20, FALLING, Rule(60))
    )
    held.forget("old")
    assert best_demotion(held, WORTHS, 20.0) is None


def test_a_demotion_saves_what_goes_beyond_what_sessions_have_left_behind() -> None:
    held = pool(
        ("old", 4, STEADY, Rule(36)), ("a", 10, STEADY, Rule(50)), ("b", 12, FALLING, Rule(60))
    )
    held.forget("old")
    best = best_demotion(held, WORTHS, 20.0)
    assert best == Demotion("b", 12 * SIZE, Rule(34), 0.25 * 8 * SIZE * STANDS_S)


def test_an_earlier_prompt_is_kept_as_it_is_up_to_what_was_left_behind() -> None:
    node = NodeRules(0.0, shared_tokens=100, shared=Rule(90))
    asked = ranges_left(node, Rule(60, 8_000), 128, Rule(34))
    assert asked == (
        TokenRange(0, 100, 90),
        TokenRange(100, 228, 60, 8_000),
        TokenRange(228, None, 34),
    )


def test_what_is_demoted_later_goes_before_what_was_demoted_earlier() -> None:
    held = pool(("a", 10, STEADY, Rule(50)), ("b", 20, FALLING, Rule(60)))
    held.ask("a", below(50), 15.0)
    best = best_demotion(held, WORTHS, 20.0)
    assert best is not None
    held.ask(best.session, best.rule, 20.0)
    assert [one.session for one in held.in_order(20.0)] == ["b", "a"]


def test_below_the_lowest_priority_there_is_none() -> None:
    assert [below(priority).priority for priority in (100, 35, 20, 0)] == [34, 34, 19, 0]


def test_a_prompt_whose_request_is_under_way_is_not_demoted() -> None:
    held = pool(("a", 10, STEADY, Rule(50)), ("b", 20, FALLING, Rule(60)))
    held.serve("b", 20 * SIZE, 20 * SIZE, 20.0)
    assert best_demotion(held, WORTHS, 20.0) is None


def test_a_demotion_goes_where_it_saves_more_than_all_wait_for_it() -> None:
    demotion = Demotion("b", 1_000, Rule(34), saved=100.0)
    assert demotion.may_go(cost=60.0, under_way=0)
    assert not demotion.may_go(cost=60.0, under_way=1)
