"""Which earlier prompt holds the longest beginning of another, by chained hashes."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class PrefixHolder:
    """Who last had a prefix, and when it was first there to be shared (epoch seconds)."""

    last: int
    ready_at: float


class PrefixIndex:
    """The prefixes of all prompts so far, told apart by a chained hash for each of their grains."""

    def __init__(self) -> None:
        self._holders: dict[int, PrefixHolder] = {}

    def known(self, hashes: Sequence[int]) -> int:
        """How many leading grains some earlier prompt begins with."""
        # A prefix is known only where all shorter ones are.
        return bisect_left(hashes, True, key=lambda item: item not in self._holders)

    def holder(self, prefix: int) -> PrefixHolder:
        """Who has a prefix that is known, by its hash."""
        return self._holders[prefix]

    def add(self, hashes: Sequence[int], place: int, ready_at: float) -> None:
        """The prompt at a place has these prefixes from then on."""
        holders = self._holders
        for item in hashes:
            holder = holders.get(item)
            if holder is None:
                holders[item] = PrefixHolder(place, ready_at)
            else:
                holder.last = place
                holder.ready_at = min(holder.ready_at, ready_at)
