"""Matrix products whose rows come out the same whatever their number.

They are fast also where there are few rows.

A BLAS picks its kernel by the shape of a product, and kernels add up in different orders. Two
habits of OpenBLAS matter: deep products are cut, at a depth that depends on the shape; and a
product of few rows is computed in place only while it is small, else the whole matrix is copied
first, which costs more than the product.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

DEPTH = 256
"""Deeper products are cut here, by us, at every row count alike."""
FEW_ROWS = 32
"""Measured: up to 48 rows, cut columns take a quarter to four fifths of the time; from 64 on
more."""
SMALL = 1_000_000
"""Multiplications up to which OpenBLAS does not copy a product's operands.

Its `small matrix` kernels compute such a product in place.
"""
COLUMN_STEP = 64
"""Assumed: a multiple of any processor's vector, so that no product has a ragged end."""


def product(rows: NDArray[Any], matrix: NDArray[Any]) -> NDArray[Any]:
    """`rows @ matrix`."""
    out = np.empty((len(rows), matrix.shape[1]), rows.dtype)
    width = _width(len(rows), *matrix.shape)
    for begin in range(0, matrix.shape[1], width):
        columns = slice(begin, begin + width)
        np.matmul(rows[:, :DEPTH], matrix[:DEPTH, columns], out=out[:, columns])
        for low in range(DEPTH, matrix.shape[0], DEPTH):
            out[:, columns] += rows[:, low : low + DEPTH] @ matrix[low : low + DEPTH, columns]
    return out


def _width(rows: int, depth: int, columns: int) -> int:
    """Columns to compute at once."""
    if rows > FEW_ROWS:
        return columns
    return max(COLUMN_STEP, SMALL // (rows * min(depth, DEPTH)) // COLUMN_STEP * COLUMN_STEP)


def row_multiple(matrices: list[NDArray[Any]]) -> int:
    """The smallest number of which any multiple, as row count, gives each row the same bits.

    One row alone, an odd last one, or what is left of a dozen go through other kernels, and
    libraries and processors differ, so it is tried on the matrices at hand. 1 where nothing helps
    (then reuse may change the last bits of a result).
    """
    for multiple in (1, 2, 4, 8, 16, 48):
        if all(_rows_alike(matrix, multiple) for matrix in matrices):
            return multiple
    return 1


def _rows_alike(matrix: NDArray[Any], multiple: int) -> bool:
    count = 16 * multiple
    rows = (
        np.sin(np.arange(count * matrix.shape[0], dtype=np.float64))
        .reshape(count, -1)
        .astype(matrix.dtype)
    )
    expected = product(rows, matrix)
    return all(
        bool((product(rows[begin:end], matrix) == expected[begin:end]).all())
        for size in (1, 2, 3, 5, 8, 13)
        for begin in (0, multiple, 3 * multiple)
        for end in [begin + size * multiple]
    )
