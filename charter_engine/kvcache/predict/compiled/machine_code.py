"""Makes the simulation's machine code; as a program it keeps it, too, unless there is some.

Importing this loads numba.
"""

from types import FunctionType, ModuleType
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from numba.extending import register_jitable

from charter_engine.kvcache.predict.compiled import (
    allocation,
    deadlines,
    flat_eviction,
    kept,
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
from charter_engine.kvcache.predict.compiled import layout as at
from charter_engine.kvcache.predict.compiled.loading import ENTRY

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


_UNCOUNTED: Any = {"_nrt": False}
"""The caller holds all arrays: counting references to them at every call would take two thirds of
the time."""


def object_code() -> bytes:
    """An object file for any processor of this machine's kind, which needs nothing else."""
    settings: Any = numba.config
    settings.CPU_NAME, settings.CPU_FEATURES = "generic", ""
    for module in _MODULES:
        for function in _functions(module):
            register_jitable(**_UNCOUNTED, forceinline=function in _INLINED)(function)
    # It is called past Python, and so without what numba puts around a function for that.
    bare: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    compiled: Any = numba.njit(**bare, **_UNCOUNTED)(serving.serve)
    signature = tuple(map(numba.typeof, _example()))
    compiled.compile(signature)
    result = compiled.overloads[signature]
    module = llvm.parse_assembly(result.library.get_llvm_str())
    module.get_function(result.fndesc.llvm_func_name).name = ENTRY
    target = llvm.Target.from_default_triple().create_target_machine(opt=3)
    return bytes(target.emit_object(module))


def _example() -> tuple[at.Pool, at.Deadlines, at.Requests, at.Served, at.Array, at.Array]:
    """Arguments of the types that all have."""
    some, times = np.zeros(1, dtype=np.int64), np.zeros(1)
    settings = at.Settings(1, 1, 0, True, True, True, 1, 0, 0, False, False, False, 0)
    return (
        at.Pool(settings, some, some, some, some),
        at.Deadlines(times, some, some),
        at.Requests(times, some, some, some, some, some, some),
        at.Served(some, some, some),
        some,
        some,
    )


def _functions(module: ModuleType) -> list[FunctionType]:
    return [
        function
        for function in vars(module).values()
        if isinstance(function, FunctionType) and function.__module__ == module.__name__
    ]


if __name__ == "__main__":
    if kept.kept_code() is None:
        kept.keep(object_code())
