"""Products whose rows do not depend on their number, and the BLAS they run on."""

import numpy as np
import pytest

from charter_engine.embedded.engine.blas import blas_environment, openblas_core_type
from charter_engine.embedded.engine.products import product, row_multiple

GENERATOR = np.random.default_rng(2)


@pytest.mark.parametrize("shape", [(256, 1024), (700, 96), (48, 4096), (12, 256)])
def test_every_row_has_the_same_bits_in_any_company(shape: tuple[int, int]) -> None:
    matrix = GENERATOR.standard_normal(shape, dtype=np.float32)
    rows = GENERATOR.standard_normal((96, shape[0]), dtype=np.float32)
    multiple = row_multiple([matrix])
    expected = product(rows, matrix)
    assert np.allclose(expected, rows.astype(np.float64) @ matrix, rtol=1e-4, atol=1e-3)
    for count in range(multiple, 97, multiple):
        for begin in (0, 96 - count):
            got = product(rows[begin : begin + count], matrix)
            assert (got == expected[begin : begin + count]).all()


def test_the_kernels_named_are_ones_the_processor_has() -> None:
    new = frozenset("avx avx2 fma avx512f avx512bw avx512dq avx512vl".split())
    assert openblas_core_type(new) == "SkylakeX"
    assert openblas_core_type(new - {"avx512vl"}) == "Sandybridge"
    assert openblas_core_type(frozenset({"sse2"})) is None


def test_one_thread_unless_more_are_asked_for() -> None:
    assert blas_environment()["OPENBLAS_NUM_THREADS"] == "1"
    assert blas_environment(threads=4)["OMP_NUM_THREADS"] == "4"
