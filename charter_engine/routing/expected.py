"""What a server is expected to hold of prompts, by what was sent to it."""

from collections import OrderedDict
from collections.abc import Hashable, Sequence

MOST_GRAINS = 16_384
"""32 MiB of text, about eight million tokens: more than the pools of today's servers hold."""


class ExpectedPrefixes:
    """The grains sent to one server, of which the least recently sent are forgotten: an expectation
    only, since the server evicts by rules of its own."""

    def __init__(self, most: int = MOST_GRAINS) -> None:
        self._most = most
        self._held: OrderedDict[Hashable, None] = OrderedDict()

    def sent(self, grains: Sequence[Hashable]) -> None:
        """They are sent there. The first are kept longest, as prefixes of the others."""
        for grain in reversed(grains):
            self._held[grain] = None
            self._held.move_to_end(grain)
        while len(self._held) > self._most:
            self._held.popitem(last=False)

    def match(self, grains: Sequence[Hashable]) -> int:
        """How many of the grains, from the first on, are expected there."""
        for count, grain in enumerate(grains):
            if grain not in self._held:
                return count
        return len(grains)
