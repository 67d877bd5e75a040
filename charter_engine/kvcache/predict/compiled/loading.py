"""The simulation as machine code that this process has loaded. It is made here if there is none,
which takes ten seconds; loading it takes a tenth of one, most of it for llvmlite.

Numba's functions take a record as its fields, an array as the seven fields of its own record, and
where to leave their result and an error in front of all.
"""

import ctypes
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from charter_engine.kvcache.predict.compiled import kept
from charter_engine.kvcache.predict.compiled.layout import Array, Deadlines, Pool, Requests, Served

ENTRY = "serve"
"""The symbol of `serving.serve`."""
_DONE = 0
"""What numba's functions return when they have raised nothing."""


def serve(
    pool: Pool,
    deadlines: Deadlines,
    requests: Requests,
    served: Served,
    path: Array,
    notes: Array,
) -> None:
    """`serving.serve` on arrays of 64-bit numbers. Raises RuntimeError where that raises."""
    nothing, error = ctypes.c_void_p(), ctypes.c_void_p()
    arguments = (pool, deadlines, requests, served, path, notes)
    status = load()(ctypes.byref(nothing), ctypes.byref(error), *_passed(arguments))
    if status != _DONE:
        raise RuntimeError(f"the predictor's machine code failed with status {status}")


@cache
def load() -> Callable[..., int]:
    """The loaded function, made first and kept where there is none."""
    code = kept.kept_code()
    if code is None:
        from charter_engine.kvcache.predict.compiled.machine_code import object_code

        code = object_code()
        kept.keep(code)
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple().create_target_machine()
    _engines.append(llvm.create_mcjit_compiler(llvm.parse_assembly(""), target))
    _engines[-1].add_object_file(llvm.ObjectFileRef.from_data(code))
    _engines[-1].finalize_object()
    return ctypes.CFUNCTYPE(ctypes.c_int32)(_engines[-1].get_function_address(ENTRY))


_engines: list[Any] = []
"""Holds the memory that the loaded code lies in."""


def _passed(value: Any) -> Iterator[Any]:
    """A value as machine code takes it."""
    if isinstance(value, tuple):
        for field in value:
            yield from _passed(field)
    elif isinstance(value, np.ndarray):
        count, width = ctypes.c_int64(value.size), ctypes.c_int64(value.itemsize)
        no_owner = ctypes.c_void_p()
        place = ctypes.c_void_p(value.ctypes.data)
        yield from (no_owner, no_owner, count, width, place, count, width)
    else:
        yield ctypes.c_int8(value) if isinstance(value, bool) else ctypes.c_int64(value)
