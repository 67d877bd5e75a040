"""Content that is shared within a salt and an adapter only: it gets ids of its own."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from charter_engine.kvcache.workload.batch import (
    NO_SCOPE,
    SCOPED_TOKENS,
    RequestColumns,
    column,
)
from charter_engine.kvcache.workload.ids import LARGEST_ID, Ints

_APART: Final = 0x1E3779B97F4A7C15
"""How far the ids of one scope are from those of the next: sources number their blocks from some
number up, or by hashes, and none fills a share of the ids that matters."""


class Scopes:
    """The scopes of a workload, numbered as they come; 0 is that of requests without any."""

    def __init__(self) -> None:
        self._numbers = {NO_SCOPE: 0}

    def told_apart(self, batch: RequestColumns) -> RequestColumns:
        """The same requests, with ids that are equal only where their scopes are. Ids that count up
        by one still do."""
        if not batch.scopes:
            return batch
        known = self._numbers
        numbers = column([known.setdefault(scope, len(known)) for scope in batch.scopes])
        return replace(
            batch,
            units=_moved(
                batch.units,
                np.repeat(numbers, batch.unit_count),
                np.repeat(batch.unit_tokens == 1, batch.unit_count),
            ),
            outputs={
                index: tuple(token + int(numbers[index]) * SCOPED_TOKENS for token in tokens)
                for index, tokens in batch.outputs.items()
            },
            scopes=(),
        )

    def blocks_told_apart(self, blocks: Ints, scope: tuple[str, str]) -> Ints:
        """Ids of blocks under a salt and an adapter, as ids that are equal only within them."""
        return _apart(blocks, np.int64(self._numbers.setdefault(scope, len(self._numbers))))


def _apart(blocks: Ints, scope: Ints | np.int64) -> Ints:
    with np.errstate(over="ignore"):
        apart: Ints = (blocks + scope * np.int64(_APART)) & LARGEST_ID
    return apart


def _moved(units: Ints, scope: Ints, by_token: NDArray[np.bool_]) -> Ints:
    moved: Ints = np.where(by_token, units + scope * SCOPED_TOKENS, _apart(units, scope))
    return np.where(scope == 0, units, moved)
