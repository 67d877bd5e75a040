"""A session's past, and what it tells of a request when it is sent, computed request by request."""

import math
from bisect import bisect_left
from collections import deque

import numpy as np

from .features import (
    LONG_GAP_S,
    LONGEST_GAP_S,
    LONGEST_S,
    OWN_AND_BEFORE,
    REWRITTEN_TOKENS,
    WIDTHS,
    WINDOWS_S,
)

UNKNOWN = math.nan


class SessionPast:
    """What is kept of a session: sums over all its gaps, the last 20 of them, and its last
    requests.

    A request that has not been answered when the next one is sent counts as still running.
    No pause lies between the two then, and its output and serving time stay unknown.
    """

    def __init__(self) -> None:
        self.requests = 0
        self.length = 0
        self._first_s = self._last_s = 0.0
        self._arrivals: list[float] = []
        self._gaps: deque[float] = deque(maxlen=max(WIDTHS))
        self._pauses: deque[float] = deque(maxlen=3)
        self._sums: deque[float] = deque([0.0], maxlen=max(WIDTHS) + 1)
        self._squares = 0.0
        self._long = self._since_long = self._rewritten = 0
        self._running = False
        self._output = self._output_before = self._served = UNKNOWN

    def sent(
        self,
        arrival_s: float,
        length: int,
        common: int,
        node_score: float,
        rewritten_tokens: int = REWRITTEN_TOKENS,
    ) -> list[float]:
        """The features of a request of `length` tokens, in the order of `features.FEATURES`.

        `common` tokens lead the session's request before it, too.
        If that one had more than `rewritten_tokens` beyond these, it was rewritten.
        The request becomes the session's last one; its own output and serving time are unknown yet.
        """
        before = (
            self._after_a_request(arrival_s, common, rewritten_tokens)
            if self.requests
            else [UNKNOWN] * 15
        )
        if not self.requests:
            self._first_s = arrival_s
        self._arrivals = self._arrivals[bisect_left(self._arrivals, arrival_s - WINDOWS_S[-1]) :]
        windows = [
            float(len(self._arrivals) - bisect_left(self._arrivals, arrival_s - window))
            for window in WINDOWS_S
        ]
        since_long = float(self._since_long) if self.requests else UNKNOWN
        features = [
            *before,
            *windows,
            since_long,
            float(length),
            *self._of_prompts(length, common),
            float(self.requests),
            min(arrival_s - self._first_s, LONGEST_S),
            node_score,
            *[UNKNOWN] * len(OWN_AND_BEFORE),
        ]
        self._arrivals.append(arrival_s)
        self._last_s = arrival_s
        self._output_before, self._output, self._served = self._output, UNKNOWN, UNKNOWN
        self._running = True
        self.length = length
        self.requests += 1
        return features

    def answered(self, output_tokens: int, served_s: float) -> None:
        """The session's last request has been answered; `served_s` NaN: nobody knows how fast."""
        self._running = False
        self._output, self._served = float(output_tokens), served_s

    @property
    def output(self) -> float:
        """The output tokens of the last request; NaN while it is running."""
        return self._output

    @property
    def served(self) -> float:
        """How long the last request took, in seconds; NaN while it is running."""
        return self._served

    def _after_a_request(self, arrival_s: float, common: int, rewritten_tokens: int) -> list[float]:
        """Take in the gap since the last request; what is known of the gaps up to it."""
        elapsed = arrival_s - self._last_s
        gap = min(max(elapsed, 0.001), LONGEST_GAP_S)
        pause = 0.0 if self._running else min(max(elapsed - self._served, 0.0), LONGEST_GAP_S)
        self._pauses.append(pause)
        self._gaps.append(gap)
        logarithm = float(np.log(gap))
        self._sums.append(self._sums[-1] + logarithm)
        self._squares += logarithm * logarithm
        self._long += gap > LONG_GAP_S
        self._since_long = 0 if gap > LONG_GAP_S else self._since_long + 1
        self._rewritten += self.length - common > rewritten_tokens
        gaps, count = list(self._gaps), self.requests
        mean = self._sums[-1] / count
        return [
            *_latest(gaps),
            *_latest(list(self._pauses)),
            *(self._mean(width) for width in WIDTHS),
            mean,
            math.sqrt(max(self._squares / count - mean * mean, 0.0)),
            min(gaps[-5:]),
            max(gaps[-5:]),
            max(gaps),
            self._long / count,
        ]

    def _mean(self, width: int) -> float:
        """The mean logarithm of the last `width` gaps, or of all there are."""
        taken = min(width, self.requests)
        return (self._sums[-1] - self._sums[-1 - taken]) / taken

    def _of_prompts(self, length: int, common: int) -> list[float]:
        """What changed from the last request's prompt to this one's, and what the last answers
        took."""
        if not self.requests:
            return [UNKNOWN] * 9
        growth = float(length - self.length)
        return [
            growth,
            growth - self._output,
            self._output,
            self._output_before,
            self._served,
            _per_token(self._output, self._served),
            float(length - common),
            float(self.length - common),
            self._rewritten / self.requests,
        ]


def with_answer(features: list[float], output_tokens: float, served_s: float) -> list[float]:
    """The features of a request whose answer took this."""
    return [
        *features[: -len(OWN_AND_BEFORE)],
        output_tokens,
        served_s,
        _per_token(output_tokens, served_s),
    ]


def _per_token(output_tokens: float, served_s: float) -> float:
    return served_s / (output_tokens + 10.0)


def _latest(values: list[float]) -> list[float]:
    """The last three, the latest first."""
    return [values[-back] if back <= len(values) else UNKNOWN for back in (1, 2, 3)]
