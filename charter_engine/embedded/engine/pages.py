"""The paged KV memory: one array per layer, blocks in it found by slot, and a host tier beside it.

`PagedPool` owns the arrays. `BlockTable` says where one sequence's keys and values lie, as
attention wants them: in tiles of `TILE` tokens, each either a view into the pool (its blocks lie
side by side) or a copy made once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charter_engine.embedded.engine.spec import TransformerShape
from charter_engine.kvcache.manager.records import BlockCopy

TILE = 256
"""Tokens of context that attention handles at once.

Every sum over the context is a sum of tile sums from token 0 on, so a token's result does not
depend on where its prefill began, what else was in the batch, or where its blocks lie.
"""


class PagedPool:
    """GPU blocks and host blocks. The "GPU" tier is main memory, too; copies between are real."""

    def __init__(
        self,
        shape: TransformerShape,
        tokens_per_block: int,
        gpu_blocks: int,
        host_blocks: int = 0,
    ) -> None:
        self.tokens_per_block = tokens_per_block
        self.gpu_blocks, self.host_blocks = gpu_blocks, host_blocks
        # A tile that is not full yet is read as a whole; the rows behind the last block keep that
        # inside the array.
        rows = gpu_blocks * tokens_per_block + TILE
        dtype = np.dtype(shape.dtype)
        head = (shape.num_key_value_heads, shape.head_size)
        self.layers: list[NDArray[Any]] = [
            np.zeros((2, rows, *head), dtype) for _ in range(shape.num_hidden_layers)
        ]
        self.host: list[NDArray[Any]] = [
            np.zeros((2, host_blocks * tokens_per_block, *head), dtype)
            for _ in range(shape.num_hidden_layers)
        ]
        self.block_bytes = shape.kv_bytes_per_token(dtype.itemsize) * tokens_per_block

    @property
    def gpu_bytes(self) -> int:
        return self.block_bytes * self.gpu_blocks

    @property
    def host_bytes(self) -> int:
        return self.block_bytes * self.host_blocks

    def apply(self, copy: BlockCopy) -> None:
        """Carry out one movement of KV data the block manager asks for."""
        size = self.tokens_per_block
        for layer in range(len(self.layers)):
            tiers = (self.layers[layer], self.host[layer])
            source = tiers[copy.source_level][:, copy.source_slot * size :][:, : copy.tokens]
            target = tiers[copy.target_level][:, copy.target_slot * size :][:, : copy.tokens]
            if copy.kind == "exchange":
                kept = target.copy()
                target[...] = source
                source[...] = kept
            else:
                target[...] = source


class PagePart(NamedTuple):
    """Keys and values of whole tiles from tile `first` on, each (tokens, kv heads, head size)."""

    first: int
    keys: NDArray[Any]
    values: NDArray[Any]


@dataclass(slots=True)
class PageRun:
    """A run of whole tiles, in the pool or in copies.

    `first` is a tile of the sequence and `tiles` their number; they lie from `row` of the pool on
    or in `copies`.

    `copies[layer]` has the shape (2, tokens, kv heads, head size) of a pool row range.
    """

    first: int
    tiles: int
    row: int | None
    copies: list[NDArray[Any]] | None = None


class BlockTable:
    """Where one running sequence's tokens lie.

    Its blocks stay put while it runs, so only new ones need a look.
    """

    def __init__(self, pool: PagedPool) -> None:
        self.pool = pool
        self.slots: list[int] = []
        self.segments: list[PageRun] = []

    def grow(self, slots: Sequence[int], tokens: int) -> None:
        """Take over the sequence's slots.

        The blocks before `tokens` hold computed content.
        """
        size = self.pool.tokens_per_block
        if len(slots) == len(self.slots):
            return
        first = len(self.slots) * size // TILE
        self.slots = list(slots)
        self._drop_from(first)
        for tile in range(first, -(-len(slots) * size // TILE)):
            self._add_tile(tile, tokens)

    def parts(self, layer: int) -> list[PagePart]:
        """What attention of one layer reads, in order.

        The last tile may reach beyond what is computed.
        """
        pool = self.pool.layers[layer]
        parts = []
        for segment in self.segments:
            if segment.copies is not None:
                both = segment.copies[layer]
            else:
                assert segment.row is not None
                both = pool[:, segment.row : segment.row + segment.tiles * TILE]
            parts.append(PagePart(segment.first, both[0], both[1]))
        return parts

    def rows(self, start: int, end: int) -> NDArray[Any] | slice:
        """Pool rows of the tokens [start, end), as an index into a layer."""
        size = self.pool.tokens_per_block
        if end - start == 1:
            row = self.slots[start // size] * size + start % size
            return slice(row, row + 1)
        blocks = np.asarray(self.slots[start // size : -(-end // size)]) * size
        rows = (blocks[:, None] + np.arange(size)).reshape(-1)
        return rows[start % size : start % size + end - start]

    def write(
        self,
        layer: int,
        start: int,
        rows: NDArray[Any] | slice,
        keys: NDArray[Any],
        values: NDArray[Any],
    ) -> None:
        """Store keys and values of the tokens from `start` on; `rows` are theirs by `rows()`."""
        pool = self.pool.layers[layer]
        pool[0, rows] = keys
        pool[1, rows] = values
        end = start + len(keys)
        for segment in reversed(self.segments):
            low, high = segment.first * TILE, (segment.first + segment.tiles) * TILE
            if high <= start:
                break
            if segment.copies is not None and low < end:
                a, b = max(low, start), min(high, end)
                copy = segment.copies[layer]
                copy[0, a - low : b - low] = keys[a - start : b - start]
                copy[1, a - low : b - low] = values[a - start : b - start]

    def _drop_from(self, tile: int) -> None:
        while self.segments and self.segments[-1].first >= tile:
            self.segments.pop()
        if self.segments:
            last = self.segments[-1]
            last.tiles = min(last.tiles, tile - last.first)

    def _add_tile(self, tile: int, tokens: int) -> None:
        row = self._contiguous_row(tile)
        last = self.segments[-1] if self.segments else None
        if row is None:
            self.segments.append(PageRun(tile, 1, None, self._gather(tile, tokens)))
        elif last is not None and last.row is not None and last.row + last.tiles * TILE == row:
            last.tiles += 1
        else:
            self.segments.append(PageRun(tile, 1, row))

    def _contiguous_row(self, tile: int) -> int | None:
        """The pool row a tile begins at, or None when its blocks do not lie side by side."""
        size = self.pool.tokens_per_block
        if size >= TILE:
            return self.slots[tile * TILE // size] * size + tile * TILE % size
        per_tile = TILE // size
        slots = self.slots[tile * per_tile : (tile + 1) * per_tile]
        side_by_side = slots[-1] - slots[0] == len(slots) - 1 and all(
            after - before == 1 for before, after in pairwise(slots)
        )
        return slots[0] * size if side_by_side else None

    def _gather(self, tile: int, tokens: int) -> list[NDArray[Any]]:
        start, end = tile * TILE, min(tokens, (tile + 1) * TILE)
        rows = self.rows(start, end) if end > start else None
        copies = []
        for layer in self.pool.layers:
            copy = np.zeros((2, TILE, *layer.shape[2:]), layer.dtype)
            if rows is not None:
                copy[:, : end - start] = layer[:, rows]
            copies.append(copy)
        return copies
