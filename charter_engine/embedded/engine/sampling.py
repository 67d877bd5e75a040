"""Choosing the next token from a row of scores."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter_engine.embedded.engine.requests import TokenSampling


def adjusted(
    scores: NDArray[Any], sampling: TokenSampling, tokens: Sequence[int], generated: int
) -> NDArray[Any]:
    """The scores after bias, penalties and bans.

    `tokens` is prompt and output so far; `scores` is not changed.
    """
    scores = scores.astype(np.float32, copy=True)
    if sampling.embedding_bias is not None:
        scores += sampling.embedding_bias
    if (
        sampling.repetition_penalty != 1.0
        or sampling.presence_penalty
        or sampling.frequency_penalty
    ):
        seen, counts = np.unique(np.asarray(tokens), return_counts=True)
        values = scores[seen]
        values = np.where(
            values > 0, values / sampling.repetition_penalty, values * sampling.repetition_penalty
        )
        scores[seen] = values - sampling.presence_penalty - sampling.frequency_penalty * counts
    for word in sampling.bad_words:
        if len(word) == 1 or tuple(tokens[1 - len(word) :]) == word[:-1]:
            scores[word[-1]] = -np.inf
    if sampling.end_id is not None and generated < sampling.min_tokens:
        scores[sampling.end_id] = -np.inf
    return scores


def choose(
    scores: NDArray[Any], sampling: TokenSampling, generator: np.random.Generator | None
) -> int:
    """The next token: the likeliest, or drawn from the likely ones.

    Those are the `top_k` likeliest that make up `top_p` of the probability.
    """
    if sampling.greedy or generator is None:
        return int(scores.argmax())
    order = np.argsort(-scores, kind="stable")
    if sampling.top_k:
        order = order[: sampling.top_k]
    weights = np.exp(
        (scores[order].astype(np.float64) - float(scores[order[0]])) / sampling.temperature
    )
    cumulated = np.cumsum(weights)
    if 0 < sampling.top_p < 1:
        kept = int(np.searchsorted(cumulated, sampling.top_p * cumulated[-1])) + 1
        cumulated = cumulated[:kept]
    drawn = generator.random() * cumulated[-1]
    return int(order[min(int(np.searchsorted(cumulated, drawn, side="right")), len(cumulated) - 1)])


def log_probability(scores: NDArray[Any], token: int) -> float:
    """Natural logarithm of the token's probability under the scores."""
    top = float(scores.max())
    return float(scores[token]) - top - float(np.log(np.exp(scores.astype(np.float64) - top).sum()))


def ends_with(tokens: Sequence[int], words: Sequence[tuple[int, ...]]) -> bool:
    return any(tuple(tokens[-len(word) :]) == word for word in words)
