"""What a GPU's memory holds: parts that add up, each with its source."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from charter_engine.contracts.gpu import GpuProcess, GpuSample
from charter_engine.contracts.live import KvPool
from charter_engine.monitor.memory_split import Serving, memory_split

GIB = 1 << 30
POOL = KvPool(
    max_blocks=1000,
    free_blocks=700,
    used_blocks=300,
    tokens_per_block=32,
    bytes_per_block=GIB // 50,
)


def gpu(*processes: GpuProcess, reserved: int = GIB // 2) -> GpuSample:
    used = sum(process.memory_bytes or 0 for process in processes)
    return GpuSample(
        index=0,
        name="H100",
        memory_total_bytes=80 * GIB,
        memory_used_bytes=used,
        memory_free_bytes=80 * GIB - used - reserved,
        memory_reserved_bytes=reserved,
        processes=processes,
    )


def serving(size: int) -> GpuProcess:
    return GpuProcess(pid=1, name="tritonserver", memory_bytes=size, serving=True)


def parts(sample: GpuSample, known: Serving) -> dict[str, int]:
    return {part.kind: part.bytes for part in memory_split(sample, known)}


def test_weights_are_what_pool_and_runtime_buffers_leave_of_the_serving_process() -> None:
    pool_bytes = POOL.max_blocks * (POOL.bytes_per_block or 0)
    known = Serving(pool=POOL, runtime_bytes=pool_bytes + GIB)
    found = parts(gpu(serving(40 * GIB)), known)
    assert found["weights"] == 40 * GIB - pool_bytes - GIB
    assert found["runtime"] == GIB


def test_the_pool_is_in_use_reusable_and_free() -> None:
    block = POOL.bytes_per_block or 0
    found = parts(gpu(serving(40 * GIB)), Serving(pool=replace(POOL, held_blocks=500)))
    assert found["kv-used"] == 300 * block
    assert found["kv-reusable"] == 200 * block
    assert found["kv-free"] == 500 * block


@pytest.mark.parametrize(
    ("kind", "label"),
    [
        ("weights", "derived"),
        ("kv-used", "derived"),
        ("kv-reusable", "derived"),
        ("others", "measured"),
        ("free", "measured"),
    ],
)
def test_each_part_says_where_its_figure_comes_from(kind: str, label: str) -> None:
    sample = gpu(serving(40 * GIB), GpuProcess(pid=2, memory_bytes=GIB))
    split = memory_split(sample, Serving(pool=replace(POOL, held_blocks=500)))
    (part,) = (part for part in split if part.kind == kind)
    assert part.label == label
    assert part.source


@pytest.mark.parametrize("held", [None, 0, 299])
def test_what_is_not_known_to_hold_something_is_free(held: int | None) -> None:
    found = parts(gpu(serving(40 * GIB)), Serving(pool=replace(POOL, held_blocks=held)))
    assert "kv-reusable" not in found
    assert found["kv-free"] == 700 * (POOL.bytes_per_block or 0)


def test_without_the_size_of_a_block_the_serving_process_stays_whole() -> None:
    unknown = KvPool(max_blocks=1000, free_blocks=700, used_blocks=300, tokens_per_block=32)
    found = parts(gpu(serving(40 * GIB)), Serving(pool=unknown))
    assert found["serving"] == 40 * GIB
    assert "weights" not in found


def test_a_pool_larger_than_the_process_is_not_believed() -> None:
    found = parts(gpu(serving(GIB)), Serving(pool=POOL))
    assert (found["serving"], "weights" in found) == (GIB, False)


def test_memory_that_no_visible_process_holds_is_named_as_that() -> None:
    sample = GpuSample(
        index=0,
        name="H100",
        memory_total_bytes=80 * GIB,
        memory_used_bytes=30 * GIB,
        memory_free_bytes=50 * GIB,
        processes=(),
    )
    assert parts(sample, Serving(pool=POOL)) == {"unexplained": 30 * GIB, "free": 50 * GIB}


def test_memory_that_processes_share_counts_once() -> None:
    sample = gpu(serving(30 * GIB), GpuProcess(pid=2, memory_bytes=30 * GIB))
    shared = replace(sample, memory_used_bytes=40 * GIB, memory_free_bytes=40 * GIB - GIB // 2)
    split = parts(shared, Serving())
    assert sum(split.values()) == sample.memory_total_bytes
    assert split["serving"] + split["others"] == 40 * GIB


def test_a_device_that_tells_no_memory_has_no_split() -> None:
    assert memory_split(GpuSample(index=0, name="H100"), Serving(pool=POOL)) == ()


@given(
    own=st.integers(0, 40 * GIB),
    others=st.integers(0, 20 * GIB),
    used=st.integers(0, 1000),
    held=st.none() | st.integers(0, 2000),
    runtime=st.none() | st.integers(0, 80 * GIB),
)
def test_the_parts_always_add_up_to_the_device(
    own: int, others: int, used: int, held: int | None, runtime: int | None
) -> None:
    pool = KvPool(
        max_blocks=1000,
        free_blocks=1000 - used,
        used_blocks=used,
        tokens_per_block=32,
        bytes_per_block=GIB // 50,
        held_blocks=held,
    )
    sample = gpu(serving(own), GpuProcess(pid=2, memory_bytes=others))
    known = Serving(pool=pool, runtime_bytes=runtime)
    split = memory_split(sample, known)
    assert sum(part.bytes for part in split) == sample.memory_total_bytes
    assert all(part.bytes > 0 for part in split)
