"""Requests told apart as they come: what became of the tokens of each, beside those before it.

As `misses` does, but without serving them again: tokens that were known and not given count as
evicted, whatever became of them. A request costs a tenth of a millisecond.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from charter_engine.contracts.explaining import PromptParts
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.traffic.following import PassedPrompts
from charter_engine.traffic.misses import Facts, Knowledge, miss_of
from charter_engine.traffic.seen import SeenPrompt, seen_prompts

MOST_GRAINS = 200_000
"""Of prompts that are remembered, of 16 tokens each: some tens of megabytes."""


class ToldApart:
    """Remembers what passed, as much as there is room for, the last of it at least."""

    def __init__(self, most_grains: int = MOST_GRAINS) -> None:
        self._most_grains = most_grains
        self._past = PassedPrompts()
        self._remembered: deque[SeenPrompt] = deque()
        self._grains = 0

    def take(
        self, records: Iterable[TrafficRecord], tokens_per_block: int
    ) -> Iterator[tuple[TrafficRecord, PromptParts | None]]:
        """Each request, and what became of its tokens; None where its prompt is not known."""
        knowledge = Knowledge(tokens_per_block=tokens_per_block)
        for record in records:
            seen = next(iter(seen_prompts([record])), None)
            yield record, None if seen is None else self._parts(seen, knowledge)

    def _parts(self, seen: SeenPrompt, knowledge: Knowledge) -> PromptParts:
        known = self._past.known(seen)
        facts = Facts(0, seen, known, self._past.candidates(seen, known))
        self._remember(seen)
        return miss_of(facts, knowledge).parts

    def _remember(self, seen: SeenPrompt) -> None:
        self._past.add(seen)
        self._remembered.append(seen)
        self._grains += len(seen.hashes)
        if self._grains > self._most_grains:
            while self._grains > self._most_grains // 2 and len(self._remembered) > 1:
                self._grains -= len(self._remembered.popleft().hashes)
            self._past = PassedPrompts()
            for one in self._remembered:
                self._past.add(one)
