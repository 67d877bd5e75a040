"""What a server is expected to hold of prompts, by what was sent to it."""

from bisect import bisect_left
from collections.abc import Hashable, Sequence

import numpy as np

MOST_GRAINS = 16_384
"""32 MiB of text, about eight million tokens: more than the pools of today's servers hold."""
SLACK = 4
"""One part in so many more than the most are forgotten together, so that this is seldom done."""


class ExpectedPrefixes:
    """The grains sent to one server, of which the least recently sent are forgotten: an expectation
    only, since the server evicts by rules of its own.

    Each grain is kept with when it was last sent. The first of a prompt count as sent last, as they
    are prefixes of the others: so wherever a grain is expected, all before it are.
    """

    def __init__(self, most: int = MOST_GRAINS) -> None:
        self._most = most
        self._sent: dict[Hashable, int] = {}
        self._now = 0

    def sent(self, grains: Sequence[Hashable]) -> None:
        """They are sent there."""
        self._now += len(grains)
        self._sent.update(zip(grains, range(self._now, self._now - len(grains), -1), strict=True))
        if len(self._sent) > self._most + self._most // SLACK:
            self._forget(len(self._sent) - self._most)

    def match(self, grains: Sequence[Hashable]) -> int:
        """How many of the grains, from the first on, are expected there."""
        if not grains or grains[0] not in self._sent:
            return 0
        return bisect_left(grains, True, key=lambda grain: grain not in self._sent)

    def _forget(self, count: int) -> None:
        """Forget so many grains, those first that were not sent for longest."""
        stamps = np.fromiter(self._sent.values(), np.int64, len(self._sent))
        oldest = int(np.partition(stamps, count)[count])
        self._sent = {grain: sent for grain, sent in self._sent.items() if sent >= oldest}
