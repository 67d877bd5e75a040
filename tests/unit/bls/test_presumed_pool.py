"""What a pool presumably holds of each session's last prompt."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charter_engine.bls.demotion import ranges_left
from charter_engine.bls.presumed_pool import MOST_SUPERSEDED, PoolRoom, PresumedPool
from charter_engine.bls.retention import DEFAULT, Retention, Rule, TokenRange
from charter_engine.bls.reuse_times import NodeRules
from charter_engine.kvcache import BlockManager, PoolSettings

SIZE = 4
Line = Literal["leaf", "flat"]


def pool(blocks: int, eviction: Line = "flat") -> PresumedPool:
    return PresumedPool(PoolRoom(blocks, SIZE, eviction))


def serve(held: PresumedPool, session: str, blocks: int, now_s: float, rule: Rule = DEFAULT) -> int:
    """A prompt of whole blocks that goes on from the one before; how many of them are there."""
    found = held.serve(session, blocks * SIZE, blocks * SIZE, now_s)
    held.ask(session, rule, now_s)
    held.answered(session, 0, now_s)
    return found


def blocks_held(held: PresumedPool, now_s: float = 10.0) -> list[tuple[object, int]]:
    return [(stretch.session, stretch.blocks) for stretch in held.in_order(now_s)]


def test_what_was_used_longest_ago_gives_way_from_its_end() -> None:
    held = pool(10)
    for now_s, session in enumerate("abc"):
        serve(held, session, 4, now_s)
    assert blocks_held(held) == [("a", 2), ("b", 4), ("c", 4)]


def test_under_the_leaf_rule_the_ends_give_way_by_turns() -> None:
    held = pool(10, "leaf")
    for now_s, session in enumerate("abc"):
        serve(held, session, 4, now_s)
    assert sorted(blocks_held(held)) == [("a", 3), ("b", 3), ("c", 4)]


def test_lower_priorities_give_way_first_and_find_what_is_left_of_them() -> None:
    held = pool(10)
    serve(held, "a", 4, 0.0, Rule(60))
    serve(held, "b", 4, 1.0, Rule(50))
    serve(held, "c", 4, 2.0, Rule(40))
    assert serve(held, "b", 4, 3.0) == 2


def test_a_priority_whose_time_is_over_goes_with_those_of_that_moment() -> None:
    held = pool(12)
    serve(held, "a", 4, 0.0, Rule(60, 5_000))
    serve(held, "b", 4, 4.0)
    serve(held, "c", 4, 6.0)
    assert [session for session, _ in blocks_held(held)] == ["b", "a", "c"]


def test_what_a_session_has_left_behind_stays_until_it_gives_way() -> None:
    held = pool(10)
    serve(held, "a", 6, 0.0)
    held.serve("a", 4 * SIZE, 2 * SIZE, 1.0)
    assert [stretch.blocks for stretch in held.in_order(1.0)] == [4, 4]


def test_an_answer_takes_blocks_too() -> None:
    held = pool(10)
    serve(held, "a", 4, 0.0)
    serve(held, "b", 4, 1.0)
    held.answered("b", 0, 2.0, tokens=8 * SIZE)
    assert blocks_held(held) == [("a", 2), ("b", 8)]


@dataclass
class Comeback:
    """A session's next request: how many blocks it adds, what it asks for, and after how long it
    comes."""

    session: int
    more: int
    rule: Rule
    after_s: int


RULES = (DEFAULT, Rule(34), Rule(50), Rule(60, 9_000), Rule(70, 3_000))
visits = st.builds(
    Comeback, st.integers(0, 4), st.integers(0, 5), st.sampled_from(RULES), st.integers(0, 6)
)


def found(history: list[Comeback], eviction: Line) -> Iterator[tuple[int, int]]:
    """How many blocks each request finds presumably, and by the block manager."""
    presumed = pool(30, eviction)
    manager = BlockManager(PoolSettings(30, SIZE, eviction=eviction))
    length = dict.fromkeys(range(5), 3)
    now_s = 0
    for number, visit in enumerate(history):
        now_s += visit.after_s
        manager.set_time(1000 * now_s)
        manager.refresh()
        length[visit.session] = min(length[visit.session] + visit.more, 20)
        blocks = length[visit.session]
        asked = Retention((TokenRange(0, None, visit.rule.priority, visit.rule.duration_ms),))
        prompt = [1_000 * visit.session + place for place in range(blocks * SIZE)]
        admission = manager.add(str(number), prompt, retention=asked)
        manager.store_context(str(number))
        manager.finish(str(number))
        yield (
            serve(presumed, str(visit.session), blocks, now_s, visit.rule),
            -(-admission.reused_tokens // SIZE),
        )


@pytest.mark.parametrize("eviction", ["leaf", "flat"])
@settings(max_examples=100, deadline=None)
@given(history=st.lists(visits, min_size=1, max_size=40))
def test_it_holds_what_the_block_manager_holds_of_sessions_that_share_nothing(
    history: list[Comeback], eviction: Line
) -> None:
    for presumed, actual in found(history, eviction):
        assert presumed == actual


def send(
    held: PresumedPool, session: str, prompt: list[int], before: list[int], now_s: float, rule: Rule
) -> int:
    """A prompt that goes on from one before as far as they are alike; how many blocks are there."""
    found = held.serve(
        session,
        len(prompt),
        alike(before, prompt),
        now_s,
        prompt,
        lambda earlier: alike(earlier, prompt),
    )
    held.ask(session, rule, now_s)
    held.answered(session, 0, now_s)
    return found


def alike(one: list[int], other: list[int]) -> int:
    """How many leading tokens two prompts share."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def tokens(first: int, blocks: int) -> list[int]:
    return list(range(first, first + blocks * SIZE))


def rewriting(*prompts: list[int], blocks: int = 40) -> PresumedPool:
    """A pool in which one session sends these."""
    held, before = pool(blocks), list[int]()
    for now_s, prompt in enumerate(prompts):
        send(held, "a", prompt, before, float(now_s), DEFAULT)
        before = prompt
    return held


HEAD, OLD, NEW, OTHER = tokens(0, 2), tokens(100, 4), tokens(200, 5), tokens(300, 6)


def test_what_two_prompts_have_left_is_superseded_and_known_by_the_prompt_it_is_of() -> None:
    assert rewriting(HEAD + OLD, HEAD + NEW).superseded() == []
    (left,) = rewriting(HEAD + OLD, HEAD + NEW, HEAD + NEW + OTHER).superseded()
    assert (left.prompt, left.start, left.blocks) == (HEAD + OLD, 2 * SIZE, 4)


def test_what_hangs_on_a_prompt_whose_request_is_under_way_is_not_asked_for() -> None:
    held = rewriting(HEAD + OLD, HEAD + NEW)
    prompt = HEAD + NEW + OTHER
    common = len(HEAD + NEW)
    held.serve("a", len(prompt), common, 2.0, prompt, lambda earlier: alike(earlier, prompt))
    assert held.superseded() == []
    held.answered("a", 0, 2.0)
    assert len(held.superseded()) == 1


def test_what_a_session_comes_back_to_is_not_superseded() -> None:
    assert rewriting(HEAD + OLD, HEAD + NEW, HEAD + OLD + OTHER).superseded() == []


def test_what_no_longer_hangs_on_its_sessions_prompt_is_not_asked_for() -> None:
    held = rewriting(HEAD + OLD, HEAD + NEW, HEAD + NEW + OTHER, OTHER)
    assert [left.prompt for left in held.superseded()] == []


def test_what_is_superseded_and_demoted_gives_way_first_and_once() -> None:
    held = rewriting(HEAD + OLD, HEAD + NEW, HEAD + NEW + OTHER)
    (left,) = held.superseded()
    held.demote(left, Rule(34), 3.0)
    assert next(held.in_order(3.0)) is left
    assert (held.superseded(), left.prompt) == ([], None)


def test_no_more_prompts_that_sessions_left_are_kept_than_can_be_demoted() -> None:
    held = pool(100_000)
    for session in range(MOST_SUPERSEDED + 5):
        old, new = tokens(10_000 * session, 4), tokens(10_000 * session + 500, 4)
        for before, prompt in (([], old), (old, new), (new, new + OTHER)):
            send(held, str(session), prompt, before, 0.0, DEFAULT)
    assert len(held.superseded()) == MOST_SUPERSEDED
    assert sum(one.prompt is not None for one in held.in_order(0.0)) == 2 * MOST_SUPERSEDED + 5


@dataclass
class Rewritten:
    """A session's next request: whether it goes on from the last one, and how many blocks it adds.

    What keeps a part of it only is left out: of branches that hang on one another the manager takes
    the ends first, which is not reckoned.
    """

    session: int
    goes_on: bool
    more: int
    rule: Rule
    after_s: int


rewrites = st.builds(
    Rewritten,
    st.integers(0, 2),
    st.booleans(),
    st.integers(1, 6),
    st.sampled_from(RULES),
    st.integers(0, 6),
)


def found_and_demoted(history: list[Rewritten], eviction: Line) -> Iterator[tuple[int, int]]:
    """How many blocks each request finds, and each that demotes what is superseded, presumably and
    by the block manager."""
    presumed = pool(30, eviction)
    manager = BlockManager(PoolSettings(30, SIZE, eviction=eviction))
    last: dict[int, list[int]] = {}
    now_s = 0

    def by_manager(name: str, prompt: list[int], *ranges: TokenRange) -> int:
        admission = manager.add(name, prompt, retention=Retention(ranges))
        manager.store_context(name)
        manager.finish(name)
        return -(-admission.reused_tokens // SIZE)

    for number, one in enumerate(history):
        now_s += one.after_s
        manager.set_time(1000 * now_s)
        manager.refresh()
        before = last.get(one.session, [])
        kept = before if one.goes_on and len(before) < 20 * SIZE else []
        prompt = kept + tokens(1_000 * (number + 1), one.more)
        last[one.session] = prompt
        asked = TokenRange(0, None, one.rule.priority, one.rule.duration_ms)
        yield (
            send(presumed, str(one.session), prompt, before, now_s, one.rule),
            by_manager(str(number), prompt, asked),
        )
        for left in presumed.superseded():
            session = presumed.session_of(left)
            asked_last = presumed.asked(session, now_s)
            ranges = ranges_left(NodeRules(0.0), asked_last, left.start, Rule(34))
            there = left.prompt[: left.blocks * SIZE]
            yield left.blocks, by_manager(f"demoted behind {number}", there, *ranges)
            presumed.demote(left, Rule(34), now_s)


@pytest.mark.parametrize("eviction", ["leaf", "flat"])
@settings(max_examples=100, deadline=None)
@given(history=st.lists(rewrites, min_size=1, max_size=40))
def test_what_is_superseded_is_there_and_gives_way_as_in_the_block_manager(
    history: list[Rewritten], eviction: Line
) -> None:
    for presumed, actual in found_and_demoted(history, eviction):
        assert presumed == actual


def test_a_session_without_a_block_of_its_own_takes_none() -> None:
    held = pool(10)
    serve(held, "a", 0, 0.0)
    serve(held, "b", 11, 1.0)
    assert blocks_held(held) == [("b", 11)]


def test_what_is_held_of_a_session_that_was_forgotten_still_gives_way_in_its_turn() -> None:
    held = pool(10)
    serve(held, "a", 4, 0.0)
    serve(held, "b", 4, 1.0)
    held.forget("a")
    assert held.next_idle(8) == list(held.in_order(2.0))[1:]
    assert serve(held, "a", 4, 3.0) == 0
    assert blocks_held(held) == [(None, 2), ("b", 4), ("a", 4)]


@pytest.mark.parametrize("eviction", ["leaf", "flat"])
def test_a_request_costs_no_more_where_many_sessions_are_held(eviction: Line) -> None:
    """In lines that are run, not in time, which other work shares."""

    def lines_run(sessions: int) -> int:
        held = PresumedPool(PoolRoom(10 * sessions, SIZE, eviction))
        for number in range(2 * sessions):
            serve(held, str(number), 10, float(number), Rule(40 + number % 20, 60_000))
        lines = 0

        def trace(_frame: FrameType, event: str, _value: Any) -> Any:
            nonlocal lines
            lines += event == "line"
            return trace

        before = sys.gettrace()
        sys.settrace(trace)
        for number in range(20):
            serve(held, f"later {number}", 10, 2.0 * sessions + number, Rule(40 + number))
        sys.settrace(before)
        return lines

    assert lines_run(2_000) < 1.5 * lines_run(200)
