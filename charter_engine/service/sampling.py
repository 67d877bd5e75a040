"""Once a second: GPUs, this machine, and Triton. A probe that hangs or fails delays no other."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec

from charter_engine.api.live_server import LiveServer
from charter_engine.contracts.gauges import Gpu, Host, Triton
from charter_engine.contracts.live import TritonSample
from charter_engine.monitor.gpu_watch import GpuWatch
from charter_engine.monitor.host import HostMonitor
from charter_engine.monitor.memory_split import Serving, memory_split
from charter_engine.service.hub import Hub

INTERVAL_SECONDS = 1.0
"""A second is what the console counts in."""
log = logging.getLogger(__name__)

OnHealth = Callable[[TritonSample], Awaitable[None]]
OnReady = Callable[[], Awaitable[None]]


class Sampler:
    """Publishes samples, once started. `held_blocks` tells how many blocks of the pool hold
    something, off the event loop."""

    def __init__(
        self,
        hub: Hub,
        deployment: LiveServer,
        held_blocks: Callable[[], int | None] = lambda: None,
        gpu: GpuWatch | None = None,
    ) -> None:
        self._hub = hub
        self._deployment = deployment
        self._held_blocks = held_blocks
        self._on_health: OnHealth = _nobody
        self._on_ready: OnReady = _nobody
        self._gpu = gpu or GpuWatch()
        self._host = HostMonitor()
        self._tasks: list[asyncio.Task[None]] = []
        self.last: TritonSample | None = None
        self.sampled = asyncio.Event()
        """Triton was sampled; cleared by whoever waits for it."""

    def start(self, on_health: OnHealth, on_ready: OnReady) -> None:
        """`on_health` hears of every change of Triton's health, `on_ready` of every sample that
        found it ready as before."""
        self._on_health, self._on_ready = on_health, on_ready
        for sample in (self.sample_gpu, self._sample_host, self.sample_triton):
            self._tasks.append(asyncio.create_task(regularly(sample)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._gpu.close()

    async def sample_triton(self) -> None:
        """Sample Triton now."""
        sample = await self._with_held_blocks(await self._deployment.sample())
        before, self.last = self.last, sample
        self._hub.publish(Triton(sample))
        self.sampled.set()
        if before is None or before.health != sample.health:
            await self._on_health(sample)
        elif sample.health == "ready":
            await self._on_ready()

    async def sample_gpu(self) -> None:
        """Sample the GPUs now, with what their memory holds."""
        status = await asyncio.to_thread(self._gpu.sample)
        serving = self._serving()
        split = tuple(memory_split(gpu, serving) for gpu in status.gpus)
        self._hub.publish(Gpu(msgspec.structs.replace(status, split=split)))

    async def _with_held_blocks(self, sample: TritonSample) -> TritonSample:
        held = await asyncio.to_thread(self._held_blocks)
        if held is None or sample.kv_pool is None:
            return sample
        pool = msgspec.structs.replace(sample.kv_pool, held_blocks=held)
        return msgspec.structs.replace(sample, kv_pool=pool)

    def _serving(self) -> Serving:
        if self.last is None:
            return Serving()
        return Serving(
            pool=self.last.kv_pool, runtime_bytes=self.last.runtime_memory_bytes.get("gpu")
        )

    async def _sample_host(self) -> None:
        serving = self._deployment.serving_process
        self._hub.publish(Host(await asyncio.to_thread(self._host.sample, serving)))


async def _nobody(*_: object) -> None:
    """Hears of nothing."""


async def regularly(work: Callable[[], Awaitable[None]]) -> None:
    """Do some work once a second, for ever."""
    while True:
        try:
            await work()
        except Exception:
            # A sample is worth less than the loop that takes the next one.
            log.exception("%s failed", getattr(work, "__name__", work))
        await asyncio.sleep(INTERVAL_SECONDS)
