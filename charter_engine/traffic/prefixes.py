"""Which earlier prompt holds the longest beginning of another, by chained hashes."""

from bisect import bisect_left
from collections.abc import Sequence


class PrefixIndex:
    """The prefixes of all prompts so far, told apart by a chained hash for each of their grains."""

    def __init__(self) -> None:
        self._last: dict[int, int] = {}
        self._ready_at: dict[int, float] = {}

    def known(self, hashes: Sequence[int]) -> int:
        """How many leading grains some earlier prompt begins with."""
        # A prefix is known only where all shorter ones are.
        return bisect_left(hashes, True, key=lambda item: item not in self._last)

    def last(self, prefix: int) -> int:
        """The place of the last prompt that has a prefix which is known, by its hash."""
        return self._last[prefix]

    def ready_at(self, prefix: int) -> float:
        """When a prefix that is known was first there to be shared, in epoch seconds."""
        return self._ready_at[prefix]

    def add(self, hashes: Sequence[int], place: int, ready_at: float) -> None:
        """The prompt at a place has these prefixes from then on."""
        known = self.known(hashes)
        self._last.update(dict.fromkeys(hashes, place))
        self._ready_at.update(dict.fromkeys(hashes[known:], ready_at))
        for item in reversed(hashes[:known]):
            if self._ready_at[item] <= ready_at:
                break  # and so all shorter ones were, before
            self._ready_at[item] = ready_at
