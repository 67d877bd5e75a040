"""What two runs of tokens have in common."""

import numpy as np

from charter_engine.traffic.repeats import GRAM, Grams, change_between, grams_of, repeated_tokens
from charter_engine.traffic.seen import TokenIds

A, B, C = (np.arange(start, start + 20, dtype=np.int32) for start in (0, 100, 200))


def joined(*parts: TokenIds) -> Grams:
    return grams_of(np.concatenate(parts))


def test_tokens_that_stand_in_both_are_counted_wherever_they_stand() -> None:
    assert repeated_tokens(joined(A, B), joined(C, B)) == 20
    assert repeated_tokens(joined(A), joined(C)) == 0


def test_fewer_tokens_than_a_gram_are_no_repetition() -> None:
    assert repeated_tokens(grams_of(A[: GRAM - 1]), grams_of(A)) == 0
    assert repeated_tokens(grams_of(A[:GRAM]), grams_of(A)) == GRAM


def test_what_was_left_out_and_put_in_ends_where_both_run_alike_again() -> None:
    change = change_between(joined(A, B), joined(C[:9], B))
    assert (change.left_out, change.put_in, change.resumes) == (20, 9, True)
    assert change.moved == 0.0


def test_what_comes_later_was_moved() -> None:
    change = change_between(joined(A, B, C), joined(B, A, C))
    assert (change.left_out, change.put_in) == (20, 0)
    assert change.moved > 0.6


def test_where_they_never_run_alike_again_all_of_both_is_the_change() -> None:
    change = change_between(joined(A), joined(B, C))
    assert (change.left_out, change.put_in, change.resumes) == (20, 40, False)
