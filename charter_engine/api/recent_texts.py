"""The texts of requests that only the tap saw, out of the memory of `charter_bls`.

They are kept no longer than the question takes, and written nowhere.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from charter_engine.contracts.graph import Call
from charter_engine.traffic.differences import Span, windows_of
from charter_engine.traffic.misses import Knowledge, Miss, miss_of
from charter_engine.traffic.seen import SeenPrompt

if TYPE_CHECKING:
    from charter_engine.triton.tap import RecentPrompt

Name = tuple[str, float]


class PromptReader(Protocol):
    """What still has prompts that passed."""

    async def prompt(
        self, last_hash: int, spans: Sequence[tuple[int, int]] = ()
    ) -> "RecentPrompt | None":
        """A prompt by the last of its chained hashes, with the texts of its tokens from one to
        before another; None where it is no longer kept. Raises `CharterError`."""


class RecentTexts:
    """Fetches the tokens of prompts, and the texts of some of them."""

    def __init__(self, reader: PromptReader) -> None:
        self._reader = reader
        self._known: dict[Name, SeenPrompt] = {}
        self._texts: dict[tuple[Name, int, int], str] = {}

    def text(self, seen: SeenPrompt, start: int, stop: int) -> str:
        """A text that was fetched; empty where it was not."""
        return self._texts.get((seen.name, start, stop), "")

    async def with_tokens(self, seen: SeenPrompt) -> SeenPrompt:
        """The prompt with its tokens, if they are still to be had. Raises `CharterError`."""
        name = seen.name
        if name not in self._known:
            prompt = await self._prompt(seen, ())
            self._known[name] = (
                dataclasses.replace(seen, token_ids=prompt.token_ids) if prompt else seen
            )
        return self._known[name]

    async def retold(self, miss: Miss, knowledge: Knowledge) -> Miss:
        """The request again, with the texts that are still to be had. Raises `CharterError`."""
        facts = miss.facts
        exact = dataclasses.replace(
            facts,
            seen=await self.with_tokens(facts.seen),
            candidates=tuple([await self.with_tokens(seen) for seen in facts.candidates]),
        )
        followed = miss_of(exact, knowledge).following
        if followed is not None and followed.exact:
            await self._fetch(windows_of(followed) or ())
        return miss_of(exact, dataclasses.replace(knowledge, text=self.text))

    async def placed(self, miss: Miss, calls: Sequence[Call]) -> Miss:
        """A request that was told again, with the place in the source that `calls` tell. Raises
        `CharterError`."""
        followed = miss.following
        if followed is None or not miss.leaves_at_token:
            return miss
        later = followed.later
        await self._fetch(((later, 0, followed.common), (later, 0, later.prompt_tokens)))
        return miss.placed(calls, self.text)

    async def _fetch(self, wanted: Iterable[Span]) -> None:
        """Fetch texts, those of one prompt together."""
        spans: dict[SeenPrompt, list[tuple[int, int]]] = {}
        for seen, start, stop in wanted:
            if start < stop:
                spans.setdefault(seen, []).append((start, stop))
        for seen, asked in spans.items():
            prompt = await self._prompt(seen, asked)
            for (start, stop), text in zip(asked, prompt.texts if prompt else (), strict=False):
                self._texts[seen.name, start, stop] = text

    async def _prompt(
        self, seen: SeenPrompt, spans: Sequence[tuple[int, int]]
    ) -> "RecentPrompt | None":
        """None where it is not to be had, or what is kept is another prompt of the same hash."""
        if not len(seen.hashes):
            return None
        prompt = await self._reader.prompt(int(seen.hashes[-1]), spans)
        return prompt if prompt and prompt.prompt_tokens == seen.prompt_tokens else None
