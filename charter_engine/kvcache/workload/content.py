"""Token ids for a workload's content: what the sources name by block becomes tokens a block manager
can compare."""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from charter_engine.kvcache.workload.columns import Ints, Workload

Tokens = NDArray[np.uint64]

_KIND_BITS: Final = 48
"""Units of each size have a range of 2**48 token ids of their own, from 2**48 up; single tokens are
below that."""
_TAILS: Final = 1 << 62
_OUTPUTS: Final = (1 << 62) + (1 << 61)
"""Derived: above the ranges of units of any size, in two halves of what is left."""


class Content:
    """The tokens of all prompts and outputs. Equal units give equal tokens, different ones have
    none in common.

    Prompt tokens no unit covers, but for those of equal `Workload.tails`, and outputs nobody knows,
    are tokens that occur nowhere else.
    """

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self._told = workload.told_outputs
        self._tail_start = _tail_starts(workload)
        self._output_start = _starts(workload.output_length)

    @cached_property
    def first_tokens(self) -> Tokens:
        """The first token of every unit, in the order of `Workload.units`."""
        workload = self.workload
        sizes = np.unique(workload.unit_tokens).tolist()
        if len(sizes) == 1:
            return _first_tokens(workload.units, sizes[0], 0)
        per_unit = np.repeat(workload.unit_tokens, np.diff(workload.unit_offset))
        first = np.zeros(len(workload.units), dtype=np.uint64)
        for kind, size in enumerate(sizes):
            chosen = per_unit == size
            first[chosen] = _first_tokens(workload.units[chosen], size, kind)
        return first

    def tail_token(self, index: int) -> int:
        """The first of the tokens that no unit covers."""
        return _TAILS + int(self._tail_start[index])

    def tail_tokens(self) -> Tokens:
        """`tail_token` of every prompt."""
        return self._tail_start.astype(np.uint64) + np.uint64(_TAILS)

    def prompt(self, index: int) -> list[int]:
        """All tokens of a prompt."""
        length = int(self.workload.input_length[index])
        covered = int(self.workload.covered_tokens[index])
        tail = self.tail_token(index)
        return self._known(index, 0, covered) + list(range(tail, tail + length - covered))

    def output(self, index: int) -> Sequence[int]:
        """All generated tokens of a request."""
        known = self.workload.outputs.get(index)
        if known:
            return known
        begin, told = int(self.workload.input_length[index]), int(self._told[index])
        start = _OUTPUTS + int(self._output_start[index])
        rest = range(start + told, start + int(self.workload.output_length[index]))
        return [*self._known(index, begin, begin + told), *rest] if told else rest

    def sequence(self, index: int) -> list[int]:
        """All tokens of a prompt and what was generated behind it."""
        return [*self.prompt(index), *self.output(index)]

    def _known(self, index: int, begin: int, end: int) -> list[int]:
        """The tokens from one to before another, of prompt and output together, that units tell."""
        workload = self.workload
        first = self.first_tokens[workload.unit_offset[index] : workload.unit_offset[index + 1]]
        within = np.arange(int(workload.unit_tokens[index]), dtype=np.uint64)
        tokens: list[int] = (first[:, None] + within).ravel()[begin:end].tolist()
        return tokens


def _first_tokens(ids: Ints, size: int, kind: int) -> Tokens:
    """The first token of each unit of one size, the `kind`-th of the workload's sizes."""
    highest = int(ids.max(initial=0))
    if size == 1 and highest < 1 << _KIND_BITS:
        return ids.astype(np.uint64)
    if highest >= (1 << _KIND_BITS) // size:
        ids = np.unique(ids, return_inverse=True)[1]
    first: Tokens = ids.astype(np.uint64)
    first *= np.uint64(size)
    first += np.uint64((kind + 1) << _KIND_BITS)
    return first


def _tail_starts(workload: Workload) -> Ints:
    lengths = workload.input_length - workload.covered_tokens
    if workload.tails is None:
        return _starts(lengths)
    longest = np.zeros(int(workload.tails.max(initial=0)) + 1, dtype=np.int64)
    np.maximum.at(longest, workload.tails, lengths)
    return _starts(longest)[workload.tails]


def _starts(lengths: Ints) -> Ints:
    starts: Ints = np.cumsum(lengths) - lengths
    return starts
