"""How NumPy's BLAS should run in a process that serves.

Imports no NumPy: it reads the environment only once.
"""

import functools
import re
from pathlib import Path

_CORE_TYPES = (
    ("SkylakeX", {"avx512f", "avx512bw", "avx512dq", "avx512vl", "fma"}),
    ("Sandybridge", {"avx"}),
)
"""Not Haswell: its rows come out alike only by the 48 (see `products`).

It would be a quarter faster than Sandybridge.
"""


def blas_environment(threads: int = 1) -> dict[str, str]:
    """Environment to set before NumPy is imported.

    One thread by default: the machine is shared with whoever watches it, and small products gain
    nothing. The core type is named because an OpenBLAS older than the processor does not know its
    model number and falls back to instructions of 2004, at a fifth of the speed.
    """
    variables = dict.fromkeys(
        ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads)
    )
    core_type = openblas_core_type(_processor_flags())
    return variables | ({"OPENBLAS_CORETYPE": core_type} if core_type else {})


def openblas_core_type(flags: frozenset[str]) -> str | None:
    """The best OpenBLAS kernels for a processor with these `/proc/cpuinfo` flags.

    None leaves the choice to OpenBLAS.
    """
    return next((name for name, needed in _CORE_TYPES if needed <= flags), None)


@functools.cache
def _processor_flags() -> frozenset[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return frozenset()
    found = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return frozenset(found.group(1).split()) if found else frozenset()
