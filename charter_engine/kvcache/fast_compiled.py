"""The fast predictor as machine code. Importing this loads numba; the code itself is kept on disk between processes."""

from types import FunctionType
from typing import Any

from numba import njit
from numba.extending import register_jitable

from charter_engine.kvcache import fast_evict, fast_pool, fast_requests, fast_turns


def _compile() -> Any:
    for module in (fast_pool, fast_turns, fast_evict, fast_requests):
        for function in vars(module).values():
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                register_jitable(function)
    return njit(cache=True)(fast_requests.serve)


serve = _compile()
