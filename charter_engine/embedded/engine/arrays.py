"""The array module, chosen once: CuPy where it is installed and finds a GPU, else NumPy."""

from types import ModuleType
from typing import Any, Literal

import numpy
import psutil

from charter_engine.embedded.engine.errors import EngineConfigError

Array = Any
"""A NumPy or CuPy array; the two share one interface and no common base type."""


def array_module(device: Literal["auto", "cpu", "gpu"] = "auto") -> ModuleType:
    """CuPy or NumPy. Raises `EngineConfigError` where a GPU is demanded and there is none."""
    if device != "cpu":
        try:
            import cupy  # absent on machines without a GPU

            if cupy.cuda.runtime.getDeviceCount() > 0:
                return cupy  # type: ignore[no-any-return]
        except Exception as error:  # CuPy raises its own kinds for a missing driver
            if device == "gpu":
                raise EngineConfigError(
                    f"device gpu was asked for, but CuPy cannot use one: {error}"
                ) from error
    return numpy


def on_gpu(xp: ModuleType) -> bool:
    return xp.__name__ == "cupy"


def free_memory_bytes(xp: ModuleType) -> int:
    """Free device memory on a GPU, available main memory otherwise."""
    if on_gpu(xp):
        return int(xp.cuda.runtime.memGetInfo()[0])
    return int(psutil.virtual_memory().available)


def to_host(xp: ModuleType, array: Array) -> Array:
    return xp.asnumpy(array) if on_gpu(xp) else array
