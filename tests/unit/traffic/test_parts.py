"""A prompt's tokens told apart."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from charter_engine.contracts.explaining import PromptParts
from charter_engine.traffic.parts import BlockRule, Shortfall, parts_of

COUNTS = st.integers(0, 5_000)


@given(
    st.integers(1, 5_000),
    COUNTS,
    COUNTS,
    COUNTS,
    COUNTS,
    st.integers(1, 128),
    st.booleans(),
    st.sampled_from(get_args(Shortfall)),
)
def test_the_parts_are_never_negative_and_add_up_to_the_prompt(
    prompt: int,
    common: int,
    reused: int,
    elsewhere: int,
    behind: int,
    size: int,
    parts: bool,
    shortfall: Shortfall,
) -> None:
    found = parts_of(
        prompt,
        common=common,
        reused=reused,
        rule=BlockRule(size, parts),
        shortfall=shortfall,
        common_in_other_scope=elsewhere,
        seen_behind=behind,
    )
    assert found.total == prompt
    assert min(getattr(found, name) for name in PromptParts.__struct_fields__) >= 0


def test_the_last_token_is_rounding_where_all_was_known() -> None:
    found = parts_of(100, common=100, reused=99, rule=BlockRule(16))
    assert (found.reused, found.rounding) == (99, 1)


def test_what_no_whole_block_holds_is_rounding() -> None:
    found = parts_of(100, common=40, reused=32, rule=BlockRule(32, parts=False))
    assert (found.reused, found.rounding, found.new) == (32, 8, 60)


def test_a_server_that_reuses_whole_blocks_alone_evicted_nothing() -> None:
    """Its pool says otherwise, or the block was not stored yet: less than one is missing."""
    found = parts_of(100, common=40, reused=32, rule=BlockRule(32, parts=True))
    assert (found.rounding, found.evicted) == (8, 0)


def test_what_was_to_be_reused_and_was_not_is_the_shortfall() -> None:
    rule = BlockRule(16)
    assert parts_of(100, common=80, reused=16, rule=rule).evicted == 64
    assert parts_of(100, common=80, reused=16, rule=rule, shortfall="server").server == 64


def test_a_server_that_reuses_more_than_was_seen_is_right() -> None:
    found = parts_of(100, common=16, reused=70, rule=BlockRule(16))
    assert (found.reused, found.new, found.again) == (70, 30, 0)


def test_what_another_scope_has_is_scope_and_what_was_seen_behind_it_has_diverged() -> None:
    found = parts_of(
        100, common=0, reused=0, rule=BlockRule(16), common_in_other_scope=48, seen_behind=30
    )
    assert (found.scope, found.diverged, found.new) == (48, 30, 22)
