"""The simulation as machine code. Importing this loads numba; numba keeps the code on disk between
processes, in `NUMBA_CACHE_DIR` where that is set."""

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
    leaf_eviction,
    leaf_turns,
    matching,
    notes,
    rounds,
    runs,
    serving,
    tree,
    truncation,
)
from charter_engine.kvcache.predict.compiled.kept import entry_name

_MODULES = (
    rounds, runs, tree, deadlines, notes, flat_eviction, leaf_eviction, leaf_turns, allocation,
    matching, truncation, serving,
)  # fmt: skip
_INLINED: set[object] = {
    matching.match, matching.use, matching.claim, notes.note, notes.add_note, serving.release_path,
    serving.release,
    leaf_turns.take_turns, leaf_turns.repeat, leaf_turns.shortest_chain, leaf_turns.shorten,
    leaf_turns.single_turns, leaf_turns.quiet_rounds, runs.turn_queue,
    rounds.next_round, rounds.last_round, rounds.place_of, rounds.first_place,
    leaf_eviction.turn_over, leaf_eviction.move_last, leaf_eviction.drop_last,
    leaf_eviction.head_claimed,
}  # fmt: skip
"""What is done for every edge of a path, and at every turn of the leaf rule: a call passes seven
values for each array of a record, which costs more than the work does."""


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
    for module in _MODULES:
        for function in _functions(module):
            inline = function in _INLINED
            register_jitable(**uncounted, forceinline=inline)(function)
    entry: Callable[..., None] = serving.serve
    entry.__qualname__ = entry_name()
    try:
        return numba.njit(cache=True, **uncounted)(entry)
    except RuntimeError:
        # No directory can be written to.
        return numba.njit(**uncounted)(entry)


serve = _compile()


def can_be_kept() -> bool:
    """Whether there is a place for machine code between processes."""
    return serve.stats.cache_path is not None


def is_kept() -> bool:
    """Whether there is machine code of these very sources from an earlier process. Making it takes
    several seconds."""
    name = serve.py_func.__qualname__
    return can_be_kept() and any(Path(serve.stats.cache_path).glob(f"*{name}*.nbi"))
