"""Chained hashes: equal up to where prompts part, and different from there on."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.bls.chain import GRAIN_TOKENS, Chain

TOKENS = st.lists(st.integers(0, 200_000), min_size=1, max_size=100)
CHAIN = Chain()


def hashes(tokens: list[int]) -> list[int]:
    found: list[int] = CHAIN.hashes(np.array(tokens, np.int32)).tolist()
    return found


@given(TOKENS, TOKENS, TOKENS)
def test_prompts_share_hashes_for_the_grains_they_share(
    head: list[int], one: list[int], other: list[int]
) -> None:
    first, second = head + one, head + other
    shared = next(
        (
            index
            for index, (left, right) in enumerate(zip(first, second, strict=False))
            if left != right
        ),
        min(len(first), len(second)),
    )
    whole = shared // GRAIN_TOKENS
    pairs = list(zip(hashes(first), hashes(second), strict=False))
    assert all(left == right for left, right in pairs[:whole])
    if first != second:
        assert all(left != right for left, right in pairs[whole:])


@given(TOKENS)
def test_every_grain_has_a_hash_and_the_last_may_be_short(tokens: list[int]) -> None:
    assert len(hashes(tokens)) == -(-len(tokens) // GRAIN_TOKENS)
    assert hashes(tokens)[-1] != hashes([*tokens, 0])[-1]


@given(TOKENS, TOKENS)
def test_an_answer_is_hashed_as_if_it_stood_in_the_prompt(
    prompt: list[int], answer: list[int]
) -> None:
    of_prompt, further = CHAIN.with_answer(np.array(prompt, np.int32), np.array(answer, np.int32))
    assert of_prompt.tolist() == hashes(prompt)
    assert further.tolist() == hashes(prompt + answer)[len(prompt) // GRAIN_TOKENS :]


def test_the_table_grows_with_the_longest_prompt() -> None:
    long = list(range(40_000))
    assert hashes(long)[:5] == hashes(long[:80])


def test_half_a_million_grains_have_no_hash_in_common() -> None:
    grains = [CHAIN.hashes(np.full(16 * 5_000, token, np.int32)) for token in range(100)]
    assert len(np.unique(np.concatenate(grains))) == 500_000


def test_an_empty_prompt_has_no_hash() -> None:
    assert hashes([]) == []
