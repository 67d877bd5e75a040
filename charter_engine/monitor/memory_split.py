"""What a GPU's memory holds.

┌──────────┬─────────────────────────────────────┬────────┬─────────────┬──────┐
│ reserved │ the serving process                 │ others │ unexplained │ free │
│          │ weights, runtime, KV used/idle/free │        │             │      │
└──────────┴─────────────────────────────────────┴────────┴─────────────┴──────┘
"""

from collections.abc import Iterator

from msgspec import Struct

from charter_engine.contracts.gpu import GpuProcess, GpuSample, MemoryKind, MemoryPart
from charter_engine.contracts.live import KvPool

NVML = "NVML"
NVML_PROCESSES = "NVML, by process"
POOL = "KV block gauges × bytes of a block"
EVENTS = "KV cache events, less those in use"
RUNTIME = "runtime memory, less the KV pool"
REST = "the rest of the serving process"


class Serving(Struct, frozen=True, kw_only=True):
    """What is known of the server whose processes are on these GPUs.

    `runtime_bytes` is `nv_trt_llm_runtime_memory_metrics{memory_type="gpu"}`: every buffer that
    TensorRT-LLM holds, the pool included (memoryCounters.h; weights are not among them).
    """

    pool: KvPool | None = None
    runtime_bytes: int | None = None


def memory_split(gpu: GpuSample, serving: Serving) -> tuple[MemoryPart, ...]:
    """The parts, in the order of the drawing; empty where NVML does not tell the memory.

    They add up to the whole: what processes hold and NVML does not show stands as `unexplained`.
    """
    used, free = gpu.memory_used_bytes, gpu.memory_free_bytes
    if used is None or free is None:
        return ()
    processes = gpu.processes or ()
    # Memory that processes share is told of each of them.
    own = min(used, _held(process for process in processes if process.serving))
    others = min(used - own, _held(process for process in processes if not process.serving))
    parts = [
        _part("reserved", gpu.memory_reserved_bytes or 0, NVML),
        *_of_serving(own, serving),
        _part("others", others, NVML_PROCESSES),
        _part("unexplained", used - own - others, NVML),
        _part("free", free, NVML),
    ]
    return tuple(part for part in parts if part.bytes)


def _of_serving(own: int, serving: Serving) -> Iterator[MemoryPart]:
    pool = serving.pool
    size = pool.bytes if pool else None
    if pool is None or size is None or size > own:
        yield _part("serving", own, NVML_PROCESSES)
        return
    block = size // pool.max_blocks if pool.max_blocks else 0
    kept = pool.reusable_blocks or 0
    runtime = min(max(0, (serving.runtime_bytes or 0) - size), own - size)
    yield MemoryPart(kind="weights", bytes=own - size - runtime, label="derived", source=REST)
    yield MemoryPart(kind="runtime", bytes=runtime, label="derived", source=RUNTIME)
    yield MemoryPart(kind="kv-used", bytes=pool.used_blocks * block, label="derived", source=POOL)
    yield MemoryPart(kind="kv-reusable", bytes=kept * block, label="derived", source=EVENTS)
    idle = size - (pool.used_blocks + kept) * block
    yield MemoryPart(kind="kv-free", bytes=idle, label="derived", source=POOL)


def _held(processes: Iterator[GpuProcess]) -> int:
    return sum(process.memory_bytes or 0 for process in processes)


def _part(kind: MemoryKind, size: int, source: str) -> MemoryPart:
    return MemoryPart(kind=kind, bytes=size, label="measured", source=source)
