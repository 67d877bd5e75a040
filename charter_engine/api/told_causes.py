"""What texts told of requests, remembered without a word of theirs: one request has one cause in
every answer, also when its text is gone."""

import dataclasses
from collections.abc import Sequence

from charter_engine.contracts.explaining import MissCause, PromptParts
from charter_engine.traffic.causes.table import without_words
from charter_engine.traffic.misses import Miss

Name = tuple[str, float]


class ToldCauses:
    """The parts and the cause of each request that was told by its text."""

    def __init__(self) -> None:
        self._told: dict[Name, tuple[PromptParts, MissCause]] = {}

    def __contains__(self, miss: Miss) -> bool:
        return miss.seen.name in self._told

    def take(self, miss: Miss) -> None:
        """Remember a request that was told by its text."""
        self._told[miss.seen.name] = (miss.parts, without_words(miss.cause))

    def applied(self, found: Sequence[Miss]) -> list[Miss]:
        """The requests, those that were told by their texts as they were told. Of others than these
        nothing is remembered any more."""
        known = {miss.seen.name for miss in found}
        self._told = {name: told for name, told in self._told.items() if name in known}
        return [self._retold(miss) for miss in found]

    def _retold(self, miss: Miss) -> Miss:
        told = self._told.get(miss.seen.name)
        return dataclasses.replace(miss, parts=told[0], cause=told[1]) if told else miss

    def clear(self) -> None:
        """Remember nothing."""
        self._told = {}
