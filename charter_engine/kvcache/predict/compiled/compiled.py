"""The fast predictor as machine code. Importing this loads numba; the code itself is kept on disk
between processes."""

from types import FunctionType
from typing import Any

import numba
from numba.extending import register_jitable

from charter_engine.kvcache.predict.compiled import evict, pool, requests, turns
from charter_engine.kvcache.predict.compiled.code import code_directory


def _compile() -> Any:
    # The caller holds all arrays: counting references to them at every call would take two thirds
    # of the time.
    uncounted: Any = {"_nrt": False}
    for module in (pool, turns, evict, requests):
        for function in vars(module).values():
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                register_jitable(**uncounted)(function)
    # Numba looks for changes only in the file of the function itself: the place is named after all
    # of them.
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(code_directory())
    try:
        return numba.njit(cache=True, **uncounted)(requests.serve)
    finally:
        config.CACHE_DIR = before


serve = _compile()
