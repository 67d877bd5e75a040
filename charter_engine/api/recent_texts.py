"""The texts of requests that only the tap saw, out of the memory of `charter_bls`.

They are kept no longer than the question takes, and written nowhere.
"""

import dataclasses
from typing import TYPE_CHECKING

from charter_engine.traffic.differences import Span, windows_of
from charter_engine.traffic.misses import Knowledge, Miss, miss_of
from charter_engine.traffic.seen import SeenPrompt

if TYPE_CHECKING:
    from charter_engine.triton.tap import RecentPrompt, TapReader

Name = tuple[str, float]
"""Of a request: its number, which a new tap gives again, and its arrival."""


class RecentTexts:
    """Fetches the tokens of prompts, and the texts of some of them."""

    def __init__(self, reader: "TapReader") -> None:
        self._reader = reader
        self._known: dict[Name, SeenPrompt] = {}
        self._texts: dict[tuple[Name, int, int], str] = {}

    def text(self, seen: SeenPrompt, start: int, stop: int) -> str:
        """A text that was fetched; empty where it was not."""
        return self._texts.get((_name(seen), start, stop), "")

    async def retold(self, miss: Miss, knowledge: Knowledge) -> Miss:
        """The request again, with the texts that are still to be had. Raises `CharterError`."""
        facts = miss.facts
        exact = dataclasses.replace(
            facts,
            seen=await self._with_tokens(facts.seen),
            candidates=tuple([await self._with_tokens(seen) for seen in facts.candidates]),
        )
        followed = miss_of(exact, knowledge).following
        for span in (followed and windows_of(followed)) or ():
            await self._fetch(span)
        return miss_of(exact, dataclasses.replace(knowledge, text=self.text))

    async def _with_tokens(self, seen: SeenPrompt) -> SeenPrompt:
        name = _name(seen)
        if name not in self._known:
            prompt = await self._prompt(seen, 0, 0)
            self._known[name] = (
                seen if prompt is None else dataclasses.replace(seen, token_ids=prompt.token_ids)
            )
        return self._known[name]

    async def _fetch(self, span: Span) -> None:
        seen, start, stop = span
        if start < stop:
            prompt = await self._prompt(seen, start, stop)
            self._texts[_name(seen), start, stop] = prompt.text if prompt else ""

    async def _prompt(self, seen: SeenPrompt, start: int, stop: int) -> "RecentPrompt | None":
        """None where it is not to be had, or what is kept is another prompt of the same hash."""
        if not len(seen.hashes):
            return None
        prompt = await self._reader.prompt(int(seen.hashes[-1]), start, stop)
        return prompt if prompt and prompt.prompt_tokens == seen.prompt_tokens else None


def _name(seen: SeenPrompt) -> Name:
    return seen.request, seen.at
