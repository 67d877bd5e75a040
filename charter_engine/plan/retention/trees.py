"""Growing gradient-boosted regression trees over binned features, small enough to read and to keep
in a file."""

import numpy as np
from numpy.typing import NDArray

from charter_engine.bls.forest import FEATURE_BINS, MISSING, Forest, binned, leaves
from charter_engine.bls.pauses import shares

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bins = NDArray[np.uint8]

LEAST_LEAF = (8, 40)
ROWS_PER_LEAST_LEAF = 8
"""A leaf's least rows are the share 1/8 of all, within these limits."""
LEAF_DIGITS = 4
"""Assumed: what a leaf adds to the logarithm of a chance, in digits behind the point."""
LEAST_CHANCE = 1e-6
"""Assumed: of a class that was never seen."""
LEAST_ERROR = 1e-9
"""A cut that takes away no more squared error than this is none."""


def fit(
    features: Floats,
    target: Floats,
    *,
    trees: int | None = None,
    depth: int = 5,
    rate: float = 0.06,
    least_rows: int | None = None,
    share_of_features: float = 0.4,
    share_of_rows: float = 0.6,
    seed: int = 0,
) -> Forest:
    """Trees that predict `target` by least squares: `trees` of them, or as many as so many rows can
    bear.

    Leaves have at least `least_rows` rows.
    By default that is a share of all: so a few sessions of an agent of a few calls teach, too.
    The same arguments give the same trees.
    """
    if least_rows is None:
        least_rows = int(np.clip(len(target) // ROWS_PER_LEAST_LEAF, *LEAST_LEAF))
    random = np.random.default_rng(seed)
    cuts = tuple(map(_cuts, features.T))
    bins = binned(features, cuts)
    start = float(target.mean()) if len(target) else 0.0
    predicted = np.full(len(target), start)
    grown = []
    wanted = int(np.clip(len(target) // 10, 60, 160)) if trees is None else trees
    for _ in range(wanted if len(target) >= 2 * least_rows else 0):
        rows, asked = _drawn(random, features, share_of_rows, share_of_features)
        tree = _grow(bins, target - predicted, rows, asked, depth, least_rows)
        feature, threshold, leaf = tree[0], tree[1], tree[2] * rate
        predicted += leaf[leaves(bins, feature, threshold)]
        grown.append((tuple(feature.tolist()), tuple(threshold.tolist()), tuple(leaf.tolist())))
    return Forest(cuts, start, *zip(*grown, strict=True))


def fit_classes(
    features: Floats,
    classes: Ints,
    count: int,
    *,
    depth: int = 5,
    rate: float = 0.1,
    share_of_features: float = 0.4,
    share_of_rows: float = 0.6,
    damping: float = 2.0,
    seed: int = 1,
) -> tuple[tuple[float, ...], tuple[int, ...], Forest]:
    """Trees that tell how likely each of `count` classes in an order is, by logistic regression:
    with what the sums of the classes start, from which class on each tree adds to them, and the
    trees.

    Each tells classes up to one, drawn by chance, from those beyond it.
    The same arguments give the same trees.
    """
    least_rows = int(np.clip(len(classes) // ROWS_PER_LEAST_LEAF, *LEAST_LEAF))
    random = np.random.default_rng(seed)
    cuts = tuple(map(_cuts, features.T))
    bins = binned(features, cuts)
    seen = np.bincount(classes, minlength=count) / len(classes)
    start = np.round(np.log(seen + LEAST_CHANCE), LEAF_DIGITS)
    sums = np.tile(start, (len(classes), 1))
    first, grown = [], []
    wanted = int(np.clip(len(classes) // 10, 60, 600))
    for _ in range(wanted if len(classes) >= 2 * least_rows else 0):
        rows, asked = _drawn(random, features, share_of_rows, share_of_features)
        beyond = int(random.integers(1, count))
        likely = shares(sums)[:, beyond:].sum(axis=1)
        missed = (classes >= beyond) - likely
        feature, threshold, _ = _grow(bins, missed, rows, asked, depth, least_rows)
        place = leaves(bins, feature, threshold)
        gradient, curvature = (
            np.bincount(place[rows], part[rows], 2**depth)
            for part in (missed, likely * (1.0 - likely))
        )
        leaf = np.round(rate * gradient / (curvature + damping), LEAF_DIGITS)
        sums[:, beyond:] += leaf[place][:, None]
        first.append(beyond)
        grown.append((tuple(feature.tolist()), tuple(threshold.tolist()), tuple(leaf.tolist())))
    forest = Forest(cuts, 0.0, *zip(*grown, strict=True))
    return tuple(start.tolist()), tuple(first), forest


def _drawn(
    random: np.random.Generator, features: Floats, share_of_rows: float, share_of_features: float
) -> tuple[Ints, Ints]:
    """The rows and the columns that a tree is grown of."""
    count, columns = features.shape
    rows = np.flatnonzero(random.random(count) < share_of_rows)
    asked = random.choice(columns, max(1, round(columns * share_of_features)), replace=False)
    return rows, np.sort(asked)


def _grow(
    bins: Bins,
    residual: Floats,
    rows: NDArray[np.int64],
    asked: NDArray[np.int64],
    depth: int,
    least_rows: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """One tree, level by level. A node that gains nothing by a split sends everything left."""
    inner = 2**depth - 1
    feature = np.full(inner, asked[0], dtype=np.int64)
    threshold = np.full(inner, MISSING, dtype=np.int64)
    place = np.zeros(len(rows), dtype=np.int64)
    wanted = residual[rows]
    chosen = bins[np.ix_(asked, rows)].astype(np.int64)
    for level in range(depth):
        first, width = 2**level - 1, 2**level
        gain, column, cut = _best_cuts(chosen, wanted, place, width, least_rows)
        better = np.flatnonzero(gain > LEAST_ERROR)
        feature[first + better] = asked[column[better]]
        threshold[first + better] = cut[better]
        node = first + place
        place = 2 * place + (bins[feature[node], rows] > threshold[node])
    sums = np.bincount(place, wanted, 2**depth)
    counts = np.bincount(place, minlength=2**depth)
    return feature, threshold, sums / (counts + 1.0)


def _best_cuts(
    bins: NDArray[np.int64], wanted: Floats, place: NDArray[np.int64], width: int, least_rows: int
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """For each of `width` nodes how much squared error its best cut takes away, the row of `bins`
    and the bin to cut after."""
    columns, count = len(bins), MISSING + 1
    cells = ((np.arange(columns)[:, None] * width + place) * count + bins).ravel()
    shape = (columns, width, count)
    sums = np.bincount(cells, np.tile(wanted, columns), columns * width * count).reshape(shape)
    counts = np.bincount(cells, minlength=columns * width * count).reshape(shape)
    left, left_count = np.cumsum(sums, axis=2)[..., :-1], np.cumsum(counts, axis=2)[..., :-1]
    whole, whole_count = sums.sum(axis=2, keepdims=True), counts.sum(axis=2, keepdims=True)
    right, right_count = whole - left, whole_count - left_count
    gain = left**2 / (left_count + 1) + right**2 / (right_count + 1) - whole**2 / (whole_count + 1)
    gain[(left_count < least_rows) | (right_count < least_rows)] = 0.0
    flat = gain.transpose(1, 0, 2).reshape(width, -1)
    best = np.argmax(flat, axis=1)
    return flat[np.arange(width), best], best // (count - 1), best % (count - 1)


def _cuts(values: Floats) -> tuple[float, ...]:
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return ()
    return tuple(np.unique(np.quantile(known, np.linspace(0, 1, FEATURE_BINS + 1)[1:-1])).tolist())
