"""The forward pass: RMSNorm, rotary positions, grouped-query attention over the paged pool, SwiGLU.

Row invariance: a token's hidden state has the same bits whatever else is in the batch and wherever its prefill began,
so that reuse cannot change what is generated. Three rules give it: products always have a number of rows that is a
multiple of `row_multiple`, the smallest for which this machine's BLAS was seen to treat all rows alike; sums over the
context are sums of whole tiles from token 0 on (`pages.TILE`); everything else is element by element or row by row.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

from charter_engine.embedded.engine.arrays import Array
from charter_engine.embedded.engine.pages import TILE, BlockTable, KvPool
from charter_engine.embedded.engine.spec import ModelShape, RopeScaling
from charter_engine.embedded.engine.weights import LayerWeights, Weights

SLICE_ROWS = 256
"""Rows that go through all layers together; keeps what one product leaves behind in the caches of a core."""
ATTENTION_ROWS = 64
"""Tokens whose scores against the whole context are held at once."""


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive tokens of one sequence to compute: `tokens` stand at positions `start`, `start` + 1, …"""

    table: BlockTable
    start: int
    tokens: Sequence[int]

    @property
    def end(self) -> int:
        return self.start + len(self.tokens)


class Transformer:
    """Weights, rotary tables and scratch memory; the keys and values live in the pool it is given."""

    def __init__(self, xp: ModuleType, shape: ModelShape, weights: Weights, pool: KvPool) -> None:
        self.xp, self.shape, self.weights, self.pool = xp, shape, weights, pool
        self.cosine, self.sine = _rotary_tables(xp, shape)
        self.row_multiple = row_multiple(xp, shape, weights)
        self._scratch: Array = xp.empty(0, pool.layers[0].dtype)

    def logits(self, spans: Sequence[Span]) -> Array:
        """Compute the spans, storing their keys and values, and return the logits behind each span's last token.

        Shape (spans, vocabulary), float32. Several spans of one sequence must come in order.
        """
        xp = self.xp
        last = xp.empty((len(spans), self.shape.hidden_size), self.pool.layers[0].dtype)
        for batch in _slices(spans):
            hidden = self._layers([span for _, span in batch])
            row = 0
            for index, span in batch:
                row += len(span.tokens)
                if span.end == spans[index].end:
                    last[index] = hidden[row - 1]
        normed = self._norm(self._padded(last))
        return (normed @ self.weights.head)[: len(spans)].astype(xp.float32)

    def _padded(self, rows: Array) -> Array:
        """Rows of zeros behind `rows`, up to the next multiple BLAS treats alike."""
        missing = -len(rows) % self.row_multiple
        if not missing:
            return rows
        return self.xp.concatenate([rows, self.xp.zeros((missing, *rows.shape[1:]), rows.dtype)])

    def _norm(self, rows: Array) -> Array:
        xp = self.xp
        mean = xp.add.reduce(rows * rows, axis=-1, keepdims=True) / rows.shape[1]
        return rows / xp.sqrt(mean + self.shape.norm_epsilon, dtype=rows.dtype)

    def _layers(self, spans: Sequence[Span]) -> Array:
        xp = self.xp
        tokens = xp.asarray([token for span in spans for token in span.tokens])
        positions = xp.concatenate([xp.arange(span.start, span.end) for span in spans])
        cosine, sine = self.cosine[positions], self.sine[positions]
        rows = [span.table.rows(span.start, span.end) for span in spans]
        hidden = self._padded(self.weights.embedding[tokens])
        attended = xp.zeros((len(hidden), self.shape.num_attention_heads * self.shape.head_size), hidden.dtype)
        for index, layer in enumerate(self.weights.layers):
            queries, keys, values = self._project(layer, hidden, cosine, sine)
            begin = 0
            for span, places in zip(spans, rows, strict=True):
                end = begin + len(span.tokens)
                span.table.write(index, span.start, places, keys[begin:end], values[begin:end])
                self._attend(index, span, queries[begin:end], attended[begin:end])
                begin = end
            hidden = hidden + attended @ layer.o
            hidden += self._mlp(layer, self._norm(hidden))
        return hidden

    def _project(self, layer: LayerWeights, hidden: Array, cosine: Array, sine: Array) -> tuple[Array, Array, Array]:
        """Queries (rows, heads, head size), keys and values (rows, kv heads, head size), turned by position."""
        shape, count = self.shape, len(cosine)
        projected = (self._norm(hidden) @ layer.qkv)[:count].reshape(count, -1, shape.head_size)
        turned = shape.num_attention_heads + shape.num_key_value_heads
        half = shape.head_size // 2
        first, second = projected[:, :turned, :half], projected[:, :turned, half:]
        rotated = self.xp.empty((count, turned, shape.head_size), projected.dtype)
        rotated[..., :half] = first * cosine - second * sine
        rotated[..., half:] = second * cosine + first * sine
        return rotated[:, : shape.num_attention_heads], rotated[:, shape.num_attention_heads :], projected[:, turned:]

    def _mlp(self, layer: LayerWeights, normed: Array) -> Array:
        both = normed @ layer.gate_up
        gate, up = both[:, : self.shape.intermediate_size], both[:, self.shape.intermediate_size :]
        activated = self.xp.negative(gate)
        self.xp.exp(activated, out=activated)
        activated += 1
        self.xp.divide(gate, activated, out=activated)
        activated *= up
        return activated @ layer.down

    def _attend(self, layer: int, span: Span, queries: Array, out: Array) -> None:
        """Causal attention of the span's tokens over everything before and including them, into `out`."""
        for begin in range(0, len(queries), ATTENTION_ROWS):
            part = queries[begin : begin + ATTENTION_ROWS]
            out[begin : begin + len(part)] = self._attend_rows(layer, span.table, span.start + begin, part)

    def _attend_rows(self, layer: int, table: BlockTable, start: int, queries: Array) -> Array:
        xp, shape = self.xp, self.shape
        count, heads, group = len(queries), shape.num_key_value_heads, shape.group_size
        tiles = -(-(start + count) // TILE)
        rows = count * group
        padded = rows + -rows % self.row_multiple
        grouped = xp.zeros((heads, padded, shape.head_size), queries.dtype)
        grouped[:, :rows] = queries.reshape(count, heads, group, -1).transpose(1, 0, 2, 3).reshape(heads, rows, -1)
        scores, partial, sums = self._attention_scratch(heads, padded, tiles)
        segments = [segment for segment in table.segments if segment.first < tiles]
        stored = [segment.layer(self.pool, layer) for segment in segments]
        for segment, both in zip(segments, stored, strict=True):
            low = segment.first * TILE
            high = min(low + segment.tiles * TILE, tiles * TILE)
            xp.matmul(grouped, both[0, : high - low].transpose(1, 2, 0), out=scores[:, :, low:high])
        self._mask(scores, start, count)
        scores -= xp.max(scores, axis=-1, keepdims=True)
        xp.exp(scores, out=scores)
        tiled = scores.reshape(heads, padded, tiles, TILE).swapaxes(1, 2)
        xp.add.reduce(tiled, axis=-1, out=sums)
        for segment, both in zip(segments, stored, strict=True):
            last = min(segment.first + segment.tiles, tiles)
            count_tiles = last - segment.first
            values = both[1, : count_tiles * TILE].reshape(count_tiles, TILE, heads, -1).transpose(2, 0, 1, 3)
            xp.matmul(tiled[:, segment.first : last], values, out=partial[:, segment.first : last])
        result = xp.add.reduce(partial, axis=1) / xp.add.reduce(sums, axis=1)[..., None]
        return result[:, :rows].reshape(heads, count, group, -1).transpose(1, 0, 2, 3).reshape(count, -1)

    def _mask(self, scores: Array, start: int, count: int) -> None:
        """Hide from each of `count` tokens from position `start` on what stands behind it."""
        xp, group = self.xp, self.shape.group_size
        heads, _, context = scores.shape
        if count == 1:
            scores[:, :, start + 1 :] = -math.inf
            return
        hidden = xp.arange(start, context) > xp.arange(start, start + count)[:, None]
        region = scores[:, : count * group].reshape(heads, count, group, context)[..., start:]
        region[xp.broadcast_to(hidden[None, :, None], region.shape)] = -math.inf

    def _attention_scratch(self, heads: int, rows: int, tiles: int) -> tuple[Array, Array, Array]:
        """Scores (heads, rows, context), partial results (heads, tiles, rows, head size), sums (heads, tiles, rows)."""
        xp, size = self.xp, self.shape.head_size
        sizes = (heads * rows * tiles * TILE, heads * tiles * rows * size, heads * tiles * rows)
        if self._scratch.size < sum(sizes):
            self._scratch = xp.empty(max(sum(sizes), 2 * self._scratch.size), self._scratch.dtype)
        a, b, c = sizes[0], sizes[0] + sizes[1], sum(sizes)
        return (
            self._scratch[:a].reshape(heads, rows, tiles * TILE),
            self._scratch[a:b].reshape(heads, tiles, rows, size),
            self._scratch[b:c].reshape(heads, tiles, rows),
        )


def _slices(spans: Sequence[Span]) -> list[list[tuple[int, Span]]]:
    """The spans cut and gathered into batches of at most `SLICE_ROWS` rows, each part with its span's index."""
    batches: list[list[tuple[int, Span]]] = [[]]
    room = SLICE_ROWS
    for index, span in enumerate(spans):
        begin = 0
        while begin < len(span.tokens):
            if room == 0:
                batches.append([])
                room = SLICE_ROWS
            part = span.tokens[begin : begin + room]
            batches[-1].append((index, Span(span.table, span.start + begin, part)))
            begin += len(part)
            room -= len(part)
    return batches


def _rotary_tables(xp: ModuleType, shape: ModelShape) -> tuple[Array, Array]:
    """Cosine and sine by position, (positions, 1, head size / 2)."""
    exponent = xp.arange(0, shape.head_size, 2, dtype=xp.float64) / shape.head_size
    frequency = shape.rotary_base**-exponent
    if shape.rotary_scaling is not None:
        frequency = _stretched(xp, frequency, shape.rotary_scaling)
    angles = xp.outer(xp.arange(shape.max_position_embeddings), frequency)[:, None, :]
    return xp.cos(angles).astype(shape.dtype), xp.sin(angles).astype(shape.dtype)


def _stretched(xp: ModuleType, frequency: Array, scaling: RopeScaling) -> Array:
    """Llama 3's rule: long wavelengths are stretched by `factor`, short ones kept, those between blended."""
    turns = scaling.original_max_position_embeddings * frequency / (2 * math.pi)
    blend = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
    blend = xp.clip(blend, 0.0, 1.0)
    return (1 - blend) * frequency / scaling.factor + blend * frequency


def row_multiple(xp: ModuleType, shape: ModelShape, weights: Weights) -> int:
    """The smallest number such that products with any multiple of it as row count give each row the same bits.

    OpenBLAS computes the last rows of a count that is odd, or not a multiple of 4, by other kernels, and one row alone
    by yet another; other libraries and processors differ, so it is tried on the matrices at hand. 1 where nothing up to
    16 helps (then reuse may change the last bits of a result, as on a GPU).
    """
    layer = weights.layers[0]
    context = xp.sin(xp.arange(TILE * shape.head_size)).reshape(TILE, -1).astype(layer.qkv.dtype)
    matrices = [layer.qkv, layer.o, layer.gate_up, layer.down, weights.head, context.T, context]
    for multiple in (1, 2, 4, 8, 16):
        if all(_rows_alike(xp, matrix, multiple) for matrix in matrices):
            return multiple
    return 1


def _rows_alike(xp: ModuleType, matrix: Array, multiple: int) -> bool:
    count = 16 * multiple
    rows = xp.sin(xp.arange(count * matrix.shape[0], dtype=xp.float64)).reshape(count, -1).astype(matrix.dtype)
    expected = rows @ matrix
    return all(
        bool((rows[begin : begin + size * multiple] @ matrix == expected[begin : begin + size * multiple]).all())
        for size in (1, 2, 3, 5, 8)
        for begin in (0, multiple, 3 * multiple)
    )
