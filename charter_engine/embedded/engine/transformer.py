"""The forward pass: RMSNorm, rotary positions, grouped-query attention over the paged pool, SwiGLU.

Row invariance: a token's hidden state has the same bits whatever else is in the batch and wherever
its prefill began, so that reuse cannot change what is generated. Three rules give it: products
always have a number of rows that is a multiple of `row_multiple`, the smallest for which this
machine's BLAS was seen to treat all rows alike; sums over the context are sums of whole tiles from
token 0 on (`pages.TILE`); everything else is element by element or row by row.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charter_engine.embedded.engine.pages import TILE, BlockTable, PagedPool
from charter_engine.embedded.engine.products import product, row_multiple
from charter_engine.embedded.engine.spec import RopeScaling, TransformerShape
from charter_engine.embedded.engine.weights import LayerWeights, Weights

SLICE_ROWS = 512
"""Rows that go through all layers together.

So few that what one product leaves behind is still in the caches of a core.
"""
SCORE_BYTES = 1024 * 1024
"""Scores of tokens against the whole context held at once.

More would leave the cache between the passes over them.
"""
SAFE_SCORE = 60.0
"""The exponential of a score within ± this neither overflows nor vanishes.

That holds for sums of them over any context, too.
"""


@dataclass(frozen=True, slots=True)
class QuerySpan:
    """Consecutive tokens of one sequence to compute.

    `tokens` stand at the positions `start`, `start` + 1, …
    """

    table: BlockTable
    start: int
    tokens: Sequence[int]

    @property
    def end(self) -> int:
        return self.start + len(self.tokens)


class Transformer:
    """Weights, rotary tables and scratch memory.

    The keys and values live in the pool it is given.
    """

    def __init__(self, shape: TransformerShape, weights: Weights, pool: PagedPool) -> None:
        self.shape, self.weights, self.pool = shape, weights, pool
        self.cosine, self.sine = _rotary_tables(shape)
        layer = weights.layers[0]
        context = np.sin(np.arange(TILE * shape.head_size)).reshape(TILE, -1).astype(shape.dtype)
        self.row_multiple = row_multiple(
            [layer.qkv, layer.o, layer.gate_up, layer.down, weights.head]
        )
        self.attention_multiple = row_multiple([context.T, context])
        self._scratch: NDArray[Any] = np.empty(0, np.float32)

    def logits(self, spans: Sequence[QuerySpan]) -> NDArray[Any]:
        """Compute the spans and return the logits behind each span's last token.

        Their keys and values are stored.

        Shape (spans, vocabulary), float32. Several spans of one sequence must come in order.
        """
        last = np.empty((len(spans), self.shape.hidden_size), self.pool.layers[0].dtype)
        for batch in _slices(spans):
            hidden = self._layers([span for _, span in batch])
            row = 0
            for index, span in batch:
                row += len(span.tokens)
                if span.end == spans[index].end:
                    last[index] = hidden[row - 1]
        normed = self._norm(self._padded(last))
        return product(normed, self.weights.head)[: len(spans)]

    def _padded(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Rows of zeros behind `rows`, up to the next multiple BLAS treats alike."""
        missing = -len(rows) % self.row_multiple
        if not missing:
            return rows
        return np.concatenate([rows, np.zeros((missing, *rows.shape[1:]), rows.dtype)])

    def _norm(self, rows: NDArray[Any]) -> NDArray[Any]:
        """RMSNorm without its weight, which is folded into the matrix behind it."""
        mean = np.einsum("rh,rh->r", rows, rows)[:, None] / rows.shape[1]
        normed: NDArray[Any] = rows / np.sqrt(mean + self.shape.norm_epsilon, dtype=np.float32)
        return normed

    def _layers(self, spans: Sequence[QuerySpan]) -> NDArray[Any]:
        tokens = np.asarray([token for span in spans for token in span.tokens])
        positions = np.concatenate([np.arange(span.start, span.end) for span in spans])
        cosine, sine = self.cosine[positions], self.sine[positions]
        rows = [span.table.rows(span.start, span.end) for span in spans]
        hidden = self._padded(self.weights.embedding[tokens])
        attended = np.zeros(
            (len(hidden), self.shape.num_attention_heads * self.shape.head_size), hidden.dtype
        )
        for index, layer in enumerate(self.weights.layers):
            queries, keys, values = self._project(layer, hidden, cosine, sine)
            begin = 0
            for span, places in zip(spans, rows, strict=True):
                end = begin + len(span.tokens)
                span.table.write(index, span.start, places, keys[begin:end], values[begin:end])
                self._attend(index, span, queries[begin:end], attended[begin:end])
                begin = end
            hidden = hidden + product(attended, layer.o)
            hidden += self._mlp(layer, self._norm(hidden))
        return hidden

    def _project(
        self, layer: LayerWeights, hidden: NDArray[Any], cosine: NDArray[Any], sine: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Queries, keys and values, turned by position.

        Queries are (rows, heads, head size), keys and values (rows, kv heads, head size).
        """
        shape, count = self.shape, len(cosine)
        projected = product(self._norm(hidden), layer.qkv)[:count].reshape(
            count, -1, shape.head_size
        )
        turned = shape.num_attention_heads + shape.num_key_value_heads
        half = shape.head_size // 2
        first, second = projected[:, :turned, :half], projected[:, :turned, half:]
        rotated = np.empty((count, turned, shape.head_size), projected.dtype)
        rotated[..., :half] = first * cosine - second * sine
        rotated[..., half:] = second * cosine + first * sine
        return (
            rotated[:, : shape.num_attention_heads],
            rotated[:, shape.num_attention_heads :],
            projected[:, turned:],
        )

    def _mlp(self, layer: LayerWeights, normed: NDArray[Any]) -> NDArray[Any]:
        both = product(normed, layer.gate_up)
        gate, up = both[:, : self.shape.intermediate_size], both[:, self.shape.intermediate_size :]
        activated = np.negative(gate)
        np.exp(activated, out=activated)
        activated += 1
        np.divide(gate, activated, out=activated)
        activated *= up
        return product(activated, layer.down)

    def _attend(
        self, layer: int, span: QuerySpan, queries: NDArray[Any], out: NDArray[Any]
    ) -> None:
        """Causal attention of the span's tokens, into `out`.

        Each attends to everything before it and to itself.
        """
        step = attention_rows(self.shape, span.end)
        for begin in range(0, len(queries), step):
            part = queries[begin : begin + step]
            out[begin : begin + len(part)] = self._attend_rows(
                layer, span.table, span.start + begin, part
            )

    def _attend_rows(
        self, layer: int, table: BlockTable, start: int, queries: NDArray[Any]
    ) -> NDArray[Any]:
        """Attention of a few tokens of one sequence.

        The rows of one key/value head's queries go through each product together, token after
        token.
        """
        shape = self.shape
        count, heads, group = len(queries), shape.num_key_value_heads, shape.group_size
        tiles = -(-(start + count) // TILE)
        rows = count * group
        padded = rows + -rows % self.attention_multiple
        grouped = np.zeros((heads, padded, shape.head_size), queries.dtype)
        grouped[:, :rows] = (
            queries.reshape(count, heads, group, -1).transpose(1, 0, 2, 3).reshape(heads, rows, -1)
        )
        scores, partial, sums = self._attention_scratch(heads, padded, tiles)
        parts = [part for part in table.parts(layer) if part.first < tiles]
        for part in parts:
            keys = part.keys[: (tiles - part.first) * TILE]
            low = part.first * TILE
            np.matmul(grouped, keys.transpose(1, 2, 0), out=scores[:, :, low : low + len(keys)])
        self._softmax_weights(scores[:, :rows], start, count)
        tiled = scores.reshape(heads, padded, tiles, TILE).swapaxes(1, 2)
        sums[...] = np.einsum("htrk->htr", tiled)
        for part in parts:
            values = part.values[: (tiles - part.first) * TILE].reshape(
                -1, TILE, heads, shape.head_size
            )
            last = part.first + len(values)
            np.matmul(
                tiled[:, part.first : last],
                values.transpose(2, 0, 1, 3),
                out=partial[:, part.first : last],
            )
        result: NDArray[Any] = (
            np.add.reduce(partial, axis=1)[:, :rows] / np.add.reduce(sums, axis=1)[:, :rows, None]
        )
        return result.reshape(heads, count, group, -1).transpose(1, 0, 2, 3).reshape(count, -1)

    def _softmax_weights(self, scores: NDArray[Any], start: int, count: int) -> None:
        """Turn scores into softmax weights before their division by the row's sum, in place.

        `scores` is (heads, count × group, context); token i from `start` on sees positions up to
        its own.
        """
        group = self.shape.group_size
        heads, _, context = scores.shape
        scores[:, :, start + count :] = -math.inf
        if count > 1:
            own = scores.reshape(heads, count, group, context)[..., start : start + count]
            own += np.where(np.tri(count, dtype=bool), 0, -math.inf).astype(scores.dtype)[:, None]
        largest = np.max(scores, axis=-1, keepdims=True)
        largest[abs(largest) <= SAFE_SCORE] = 0
        if largest.any():
            scores -= largest
        np.exp(scores, out=scores)

    def _attention_scratch(
        self, heads: int, rows: int, tiles: int
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """Room for three arrays of attention.

        Scores (heads, rows, context), partial results (heads, tiles, rows, head size) and sums
        (heads, tiles, rows).
        """
        size = self.shape.head_size
        sizes = (heads * rows * tiles * TILE, heads * tiles * rows * size, heads * tiles * rows)
        if self._scratch.size < sum(sizes):
            self._scratch = np.empty(max(sum(sizes), 2 * self._scratch.size), self._scratch.dtype)
        a, b, c = sizes[0], sizes[0] + sizes[1], sum(sizes)
        return (
            self._scratch[:a].reshape(heads, rows, tiles * TILE),
            self._scratch[a:b].reshape(heads, tiles, rows, size),
            self._scratch[b:c].reshape(heads, tiles, rows),
        )


def attention_rows(shape: TransformerShape, context: int) -> int:
    """How many tokens attend at once to a context of that length."""
    per_token = shape.num_attention_heads * -(-context // TILE) * TILE * 4
    return max(4, min(SLICE_ROWS, SCORE_BYTES // per_token))


def _slices(spans: Sequence[QuerySpan]) -> list[list[tuple[int, QuerySpan]]]:
    """The spans cut and gathered into batches of at most `SLICE_ROWS` rows.

    Each part comes with its span's index.
    """
    batches: list[list[tuple[int, QuerySpan]]] = [[]]
    room = SLICE_ROWS
    for index, span in enumerate(spans):
        begin = 0
        while begin < len(span.tokens):
            if room == 0:
                batches.append([])
                room = SLICE_ROWS
            part = span.tokens[begin : begin + room]
            batches[-1].append((index, QuerySpan(span.table, span.start + begin, part)))
            begin += len(part)
            room -= len(part)
    return batches


def _rotary_tables(shape: TransformerShape) -> tuple[NDArray[Any], NDArray[Any]]:
    """Cosine and sine by position, (positions, 1, head size / 2)."""
    angles = np.outer(np.arange(shape.max_position_embeddings), rotary_frequencies(shape))[
        :, None, :
    ]
    return np.cos(angles).astype(shape.dtype), np.sin(angles).astype(shape.dtype)


def rotary_frequencies(shape: TransformerShape) -> NDArray[Any]:
    """Radians a position turns each pair of a head's elements by."""
    frequency = shape.rotary_base ** -(
        np.arange(0, shape.head_size, 2, dtype=np.float64) / shape.head_size
    )
    return (
        frequency if shape.rotary_scaling is None else _stretched(frequency, shape.rotary_scaling)
    )


def _stretched(frequency: NDArray[Any], scaling: RopeScaling) -> NDArray[Any]:
    """Llama 3's rule for long contexts.

    Long wavelengths are stretched by `factor`, short ones kept, those between blended.
    """
    turns = scaling.original_max_position_embeddings * frequency / (2 * math.pi)
    blend = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
    blend = np.clip(blend, 0.0, 1.0)
    stretched: NDArray[Any] = (1 - blend) * frequency / scaling.factor + blend * frequency
    return stretched
