"""The simulation as machine code. Importing this loads numba; numba keeps the code on disk between
processes, in `NUMBA_CACHE_DIR` where that is set."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numba
from numba.extending import register_jitable

from charter_engine.kvcache.predict.compiled import (
    allocation,
    deadlines,
    flat_eviction,
    layout,
    leaf_eviction,
    leaf_turns,
    matching,
    notes,
    runs,
    serving,
    tree,
)

_MODULES = (
    runs, tree, deadlines, notes, flat_eviction, leaf_eviction, leaf_turns, allocation, matching,
    serving,
)  # fmt: skip
_FOR_EVERY_EDGE: set[object] = {
    matching.match, matching.use, matching.claim, notes.note, notes.add_note, serving.release_path,
    serving.release,
}  # fmt: skip
"""What is done for every edge of a path: inlined, since a call passes seven values an array."""


def _functions(module: ModuleType) -> list[FunctionType]:
    return [
        function
        for function in vars(module).values()
        if isinstance(function, FunctionType) and function.__module__ == module.__name__
    ]


def _compile() -> Any:
    # The caller holds all arrays: counting references to them at every call would take two thirds
    # of the time.
    uncounted: Any = {"_nrt": False}
    sources = hashlib.sha256(Path(str(layout.__file__)).read_bytes())
    for module in _MODULES:
        sources.update(Path(str(module.__file__)).read_bytes())
        for function in _functions(module):
            inline = function in _FOR_EVERY_EDGE
            register_jitable(**uncounted, forceinline=inline)(function)
    # Numba looks for changes only in the file of the function itself: it is named after all of
    # them.
    entry: Callable[..., None] = serving.serve
    entry.__qualname__ = f"serve_{sources.hexdigest()[:16]}"
    return numba.njit(cache=True, **uncounted)(entry)


serve = _compile()


def is_kept() -> bool:
    """Whether there is machine code of these very sources from an earlier process. Making it takes
    several seconds."""
    return any(Path(serve.stats.cache_path).glob(f"*{serve.py_func.__qualname__}*.nbi"))
