"""What the engine samples: GPUs, with what their memory holds."""

import pytest

from charter_engine.contracts.gauges import Gpu, Triton
from charter_engine.contracts.live import KvPool, TritonSample
from charter_engine.monitor.gpu import GpuMonitor
from charter_engine.monitor.gpu_watch import GpuWatch
from charter_engine.service.hub import Hub
from charter_engine.service.sampling import Sampler
from tests.nvml import GIB, FakeDevice, FakeNvml

PATIENCE_SECONDS = 60.0
SERVER = 2**30
"""No process has that number: NVML alone knows its name."""
BLOCK = GIB // 50
POOL = KvPool(
    max_blocks=1000, free_blocks=700, used_blocks=300, tokens_per_block=32, bytes_per_block=BLOCK
)


class WatchedServer:
    """A server whose pool is known."""

    serving_process = None

    async def sample(self) -> TritonSample:
        return TritonSample(health="ready", kv_pool=POOL)


@pytest.mark.parametrize(("held", "reusable"), [(500, 200 * BLOCK), (None, None)])
async def test_what_events_say_of_the_pool_is_reusable_memory_of_the_gpu(
    held: int | None, reusable: int | None
) -> None:
    driver = FakeNvml(FakeDevice(processes={SERVER: 40 * GIB}))
    driver.process_names[SERVER] = "/opt/tritonserver/bin/tritonserver"
    hub = Hub()
    watch = GpuWatch(GpuMonitor(driver), PATIENCE_SECONDS)
    sampler = Sampler(hub, WatchedServer(), lambda: held, watch)  # type: ignore[arg-type]  # only what is sampled
    await sampler.sample_triton()
    await sampler.sample_gpu()
    watch.close()
    (sample,) = (one.payload.sample for one in hub.latest() if isinstance(one.payload, Triton))
    assert sample.kv_pool is not None
    assert sample.kv_pool.held_blocks == held
    (status,) = (one.payload.status for one in hub.latest() if isinstance(one.payload, Gpu))
    parts = {part.kind: part.bytes for part in status.split[0]}
    assert parts["kv-used"] == 300 * BLOCK
    assert parts.get("kv-reusable") == reusable
