"""Regression trees over binned features: how a request is scored, one at a time or many at once."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from typing import Any

import numpy as np

FEATURE_BINS = 48
"""Assumed: two hundredths of all requests in each, as finely as some thousands tell apart."""
MISSING = FEATURE_BINS
"""The bin of an unknown value: always to the right of every split."""

Cuts = tuple[tuple[float, ...], ...]
"""The bin edges of every feature, ascending."""


@dataclass(frozen=True)
class Forest:
    """Trees of one depth, each a complete binary tree in heap order.

    Node n of tree t asks whether feature `feature[t][n]` is in a bin up to `threshold[t][n]`.
    Yes leads to node 2n + 1, no to 2n + 2.
    `leaf[t]` holds what its leaves add to `start`, left to right.
    """

    cuts: Cuts
    start: float
    feature: tuple[tuple[int, ...], ...] = ()
    threshold: tuple[tuple[int, ...], ...] = ()
    leaf: tuple[tuple[float, ...], ...] = ()

    def trees(self) -> Iterator[tuple[tuple[int, ...], tuple[int, ...], tuple[float, ...]]]:
        """What each tree asks, where it cuts, and what its leaves add."""
        return zip(self.feature, self.threshold, self.leaf, strict=True)

    def score(self, features: Sequence[float]) -> float:
        """The score of a request with these features, in their order; NaN is an unknown value."""
        total = self.start
        for added in self.added(features).tolist():
            total += added
        return total

    def scores(self, rows: Any) -> Any:
        """The score of each row of an array of features: what `score` says of it, to the last
        bit."""
        total = np.full(len(rows), self.start)
        for added in self.added_to_each(rows):
            total += added
        return total

    def added(self, features: Sequence[float]) -> Any:
        """What each tree adds to the score of a request with these features."""
        bins = np.array(
            [
                MISSING if isnan(value) else bisect_right(cuts, value)
                for value, cuts in zip(features, self.cuts, strict=True)
            ]
        )
        feature, threshold, leaf = self._side_by_side
        trees, node = np.arange(len(leaf)), np.zeros(len(leaf), dtype=np.int64)
        inner = feature.shape[1]
        for _ in range(inner.bit_length()):
            node = 2 * node + 1 + (bins[feature[trees, node]] > threshold[trees, node])
        return leaf[trees, node - inner]

    def added_to_each(self, rows: Any) -> Iterator[Any]:
        """What each tree adds to the scores of all rows of an array of features."""
        bins = binned(rows, self.cuts)
        for feature, threshold, leaf in self.trees():
            yield np.array(leaf)[leaves(bins, np.array(feature), np.array(threshold))]

    @cached_property
    def _side_by_side(self) -> tuple[Any, Any, Any]:
        """What the trees ask, where they cut and what their leaves add, a row for each tree."""
        trees = len(self.leaf)
        inner = len(self.feature[0]) if trees else 0
        feature, threshold = (
            np.array(part, dtype=np.int64).reshape(trees, inner)
            for part in (self.feature, self.threshold)
        )
        return feature, threshold, np.array(self.leaf, dtype=np.float64).reshape(trees, inner + 1)


@dataclass(frozen=True)
class Division:
    """How a second score divides each group of requests with like scores into levels.

    `steps[group]` are the ascending bounds of the second score, as many in every group.
    """

    forest: Forest
    steps: tuple[tuple[float, ...], ...]

    @property
    def parts(self) -> int:
        """Levels of each group."""
        return len(self.steps[0]) + 1

    def level(self, group: int, features: Sequence[float]) -> int:
        """The level of a request of this group with these features."""
        return group * self.parts + bisect_right(self.steps[group], self.forest.score(features))

    def levels(self, groups: Any, scores: Any) -> Any:
        """The level of each of many requests, of these groups and second scores."""
        passed = np.array(self.steps)[groups] <= scores[:, None]
        return groups * self.parts + passed.sum(axis=1)


def binned(rows: Any, cuts: Cuts) -> Any:
    """Bin numbers of rows of features, an array with one row a feature."""
    bins = np.empty((rows.shape[1], len(rows)), dtype=np.uint8)
    for column, edges in enumerate(cuts):
        values = rows[:, column]
        bins[column] = np.searchsorted(np.array(edges), values, side="right")
        bins[column, np.isnan(values)] = MISSING
    return bins


def leaves(bins: Any, feature: Any, threshold: Any) -> Any:
    """The leaf that each of these requests reaches in one tree, counted from the left."""
    requests = np.arange(bins.shape[1])
    node = np.zeros(bins.shape[1], dtype=np.int64)
    for _ in range(len(feature).bit_length()):
        node = 2 * node + 1 + (bins[feature[node], requests] > threshold[node])
    return node - len(feature)
