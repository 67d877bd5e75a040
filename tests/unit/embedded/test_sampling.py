"""Choosing a token from a row of scores."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from charter_engine.embedded.engine.requests import TokenSampling
from charter_engine.embedded.engine.sampling import adjusted, choose, log_probability

SCORES = np.log(np.array([0.5, 0.3, 0.15, 0.04, 0.01], np.float32))


def drawn(sampling: TokenSampling, count: int = 4000) -> Counter[int]:
    generator = np.random.default_rng(0)
    return Counter(choose(SCORES, sampling, generator) for _ in range(count))


@pytest.mark.parametrize(
    "sampling",
    [
        TokenSampling(),
        TokenSampling(temperature=5.0),
        TokenSampling(top_k=1, top_p=0.9),
        TokenSampling(top_k=5, temperature=0),
    ],
)
def test_without_a_choice_the_likeliest_is_taken(sampling: TokenSampling) -> None:
    assert set(drawn(sampling, 50)) == {0}


def test_top_k_leaves_the_k_likeliest_in_their_proportions() -> None:
    counts = drawn(TokenSampling(top_k=2))
    assert set(counts) == {0, 1}
    assert counts[0] / counts[1] == pytest.approx(5 / 3, rel=0.1)


def test_top_p_leaves_the_fewest_that_make_up_p() -> None:
    assert set(drawn(TokenSampling(top_p=0.6))) == {0, 1}
    assert set(drawn(TokenSampling(top_p=0.97))) == {0, 1, 2, 3}
    assert set(drawn(TokenSampling(top_p=1.0))) == {0, 1, 2, 3, 4}


def test_temperature_flattens_and_sharpens() -> None:
    flat, sharp = (
        drawn(TokenSampling(top_k=5, temperature=3.0)),
        drawn(TokenSampling(top_k=5, temperature=0.3)),
    )
    assert flat[0] < drawn(TokenSampling(top_k=5))[0] < sharp[0]


def test_penalties_lower_what_was_said_by_how_often() -> None:
    sampling = TokenSampling(presence_penalty=1.0, frequency_penalty=0.5)
    changed = adjusted(SCORES, sampling, [0, 0, 1], 3)
    assert changed - SCORES == pytest.approx([-2.0, -1.5, 0, 0, 0])


def test_a_repetition_penalty_moves_scores_away_from_being_chosen_whatever_their_sign() -> None:
    changed = adjusted(np.array([2.0, -2.0, 1.0]), TokenSampling(repetition_penalty=2.0), [0, 1], 1)
    assert changed == pytest.approx([1.0, -4.0, 1.0])


def banned(scores: NDArray[Any]) -> list[int]:
    return [int(token) for token in np.flatnonzero(np.isneginf(scores))]


def test_a_bad_word_is_banned_only_where_its_beginning_was_just_said() -> None:
    sampling = TokenSampling(bad_words=((3,), (4, 1)))
    assert banned(adjusted(SCORES, sampling, [2], 0)) == [3]
    assert banned(adjusted(SCORES, sampling, [4], 0)) == [1, 3]


def test_an_embedding_bias_is_added() -> None:
    bias = np.array([-9, 0, 0, 0, 0], np.float32)
    assert (
        choose(adjusted(SCORES, TokenSampling(embedding_bias=bias), [], 0), TokenSampling(), None)
        == 1
    )


def test_scores_given_in_are_not_changed() -> None:
    before = SCORES.copy()
    adjusted(SCORES, TokenSampling(bad_words=((0,),), presence_penalty=1.0), [1], 0)
    assert (before == SCORES).all()


def test_log_probability_is_that_of_the_softmax() -> None:
    assert log_probability(SCORES + 7, 1) == pytest.approx(np.log(0.3), rel=1e-5)
