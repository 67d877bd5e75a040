"""A prompt as it was seen passing, whatever told of it: the tap, a log, an engine's database."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from charter_engine.bls.chain import GRAIN_TOKENS
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.traffic.hashes import answer_hashes_of, hashes_of

TokenIds = NDArray[np.int32]
NO_TOKENS: TokenIds = np.empty(0, np.int32)
NO_HASHES: NDArray[np.int64] = np.empty(0, np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class SeenPrompt:
    """One prompt, with its chained hashes, and what the server told of it. `at` is an epoch second.

    `answer_hashes` go on with those of prompt and answer together, from the grain on in which the
    answer begins; empty where they are not known. `token_ids` are those of the prompt and, behind
    them, of the answer as far as it is known; empty where only hashes are. `reused` is None where
    the server does not tell. `ready_at` is when its blocks could be shared: when its prompt had
    been computed; those of its answer could at `answered_at`. `timed` False: a log does not tell
    when it came, and `at` says only behind which others. `line` is that of a log.
    """

    request: str
    at: float
    prompt_tokens: int
    hashes: NDArray[np.int64]
    answer_hashes: NDArray[np.int64] = field(default_factory=lambda: NO_HASHES)
    token_ids: TokenIds = field(default_factory=lambda: NO_TOKENS)
    session: str = ""
    node: str = ""
    salt: str = ""
    adapter: str = ""
    instance: str = ""
    reused: int | None = None
    output_tokens: int = 0
    ready_at: float = 0.0
    served_ms: float | None = None
    timed: bool = True
    line: int = 0

    @property
    def name(self) -> tuple[str, float]:
        """What tells it from all others: a tap that begins anew gives its numbers again."""
        return self.request, self.at

    @property
    def scope(self) -> tuple[str, str]:
        """Within what blocks are shared: salt and adapter."""
        return self.salt, self.adapter

    @property
    def answered_hashes(self) -> NDArray[np.int64]:
        """The hashes of the prompt and its answer together, as far as they are known."""
        whole = self.prompt_tokens // GRAIN_TOKENS
        if not len(self.answer_hashes) or len(self.hashes) < whole:
            return self.hashes
        return np.concatenate((self.hashes[:whole], self.answer_hashes))

    @property
    def computed_tokens(self) -> int:
        """The tokens of the prompt and its answer that came into the cache: the last token of an
        answer is told to the client and never computed."""
        answered = max(self.output_tokens, len(self.token_ids) - self.prompt_tokens)
        return self.prompt_tokens + max(0, answered - 1)

    @property
    def answered_at(self) -> float:
        """When the answer was there; when the prompt had been computed where that is not told."""
        return max(self.ready_at, self.at + (self.served_ms or 0.0) / 1000)

    @property
    def prompt_ids(self) -> TokenIds:
        """The tokens of the prompt alone."""
        return self.token_ids[: self.prompt_tokens]


def seen_prompts(records: Iterable[TrafficRecord]) -> list[SeenPrompt]:
    """The answered requests of some traffic whose prompts are known, by their arrival."""
    found = [seen_prompt(record) for record in records if not record.error and record.prompt_tokens]
    return sorted(found, key=lambda seen: seen.at)


def seen_prompt(record: TrafficRecord) -> SeenPrompt:
    """An answered request whose prompt is known."""
    computed_ms = record.ttft_ms if record.ttft_ms is not None else record.total_ms
    return SeenPrompt(
        request=str(record.sequence),
        at=record.at,
        prompt_tokens=record.prompt_tokens or 0,
        hashes=hashes_of(record),
        answer_hashes=answer_hashes_of(record),
        session=record.session,
        node=record.node,
        salt=record.salt,
        adapter=record.adapter,
        instance=record.instance,
        reused=record.reused_tokens,
        output_tokens=record.output_tokens or 0,
        ready_at=record.at + (computed_ms or 0.0) / 1000,
        served_ms=record.total_ms,
    )
