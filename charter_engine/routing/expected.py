"""What a server is expected to hold of prompts, by what was sent to it."""

from collections.abc import Hashable, Sequence
from heapq import nlargest
from itertools import takewhile

MOST_GRAINS = 16_384
"""32 MiB of text, about eight million tokens: more than the pools of today's servers hold."""
SLACK = 16
"""One part in so many of the most are forgotten together, so that forgetting is seldom done."""


class ExpectedPrefixes:
    """The grains sent to one server, of which the least recently sent are forgotten: an expectation
    only, since the server evicts by rules of its own.

    Each grain is kept with when it was last sent. The first of a prompt count as sent last, as they
    are prefixes of the others.
    """

    def __init__(self, most: int = MOST_GRAINS) -> None:
        self._most = most
        self._sent: dict[Hashable, int] = {}
        self._now = 0

    def sent(self, grains: Sequence[Hashable]) -> None:
        """They are sent there."""
        self._now += len(grains)
        self._sent.update(zip(grains, range(self._now, self._now - len(grains), -1), strict=True))
        if len(self._sent) > self._most:
            kept = self._most - self._most // SLACK
            self._sent = dict(nlargest(kept, self._sent.items(), key=lambda item: item[1]))

    def match(self, grains: Sequence[Hashable]) -> int:
        """How many of the grains, from the first on, are expected there."""
        return len([*takewhile(self._sent.__contains__, grains)])
