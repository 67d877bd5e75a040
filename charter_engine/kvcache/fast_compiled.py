"""The fast predictor as machine code. Importing this loads numba; the code itself is kept on disk between processes."""

import hashlib
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
from numba.extending import register_jitable
from platformdirs import user_cache_path

from charter_engine.kvcache import fast_evict, fast_layout, fast_pool, fast_requests, fast_turns

_MODULES = (fast_layout, fast_pool, fast_turns, fast_evict, fast_requests)


def _compile() -> Any:
    for module in _MODULES:
        for function in vars(module).values():
            if isinstance(function, FunctionType) and function.__module__ == module.__name__:
                register_jitable(function)
    # Numba looks for changes only in the file of the function itself: the place is named after all of them.
    sources = b"".join(Path(module.__file__ or "").read_bytes() for module in _MODULES)
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(user_cache_path("charter") / "numba" / hashlib.sha256(sources).hexdigest()[:16])
    try:
        return numba.njit(cache=True)(fast_requests.serve)
    finally:
        config.CACHE_DIR = before


serve = _compile()
