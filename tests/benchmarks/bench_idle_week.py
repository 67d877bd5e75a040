"""A week of an engine: its share of a processor, its memory day by day, and its files.

Nobody sends to it but for an hour a day of traffic.

All that runs once a second runs by a clock that is ahead of time: samples of the machine, GPUs and
Triton, ticks, marks, the recording in parts, the database with its pruning, and a scrape of the
metrics page every 15 seconds. `--hours N` makes it shorter.
"""

import argparse
import asyncio
import logging
import resource
import sys
import tempfile
import time
from pathlib import Path

import psutil
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, generate_latest

from charter_engine.contracts.gauges import Gpu, Host, Triton
from charter_engine.contracts.live import KvPool, RequestRecord, TritonSample
from charter_engine.contracts.recordings import RecordingLimits
from charter_engine.monitor.gpu import GpuMonitor
from charter_engine.monitor.host import HostMonitor
from charter_engine.monitor.memory_split import Serving, memory_split
from charter_engine.monitor.metrics.states import States
from charter_engine.monitor.metrics.traffic import TrafficCounters
from charter_engine.service.hub import Hub
from charter_engine.service.marks import Marks
from charter_engine.service.recorder import Recorder
from charter_engine.service.series import KEPT_TOGETHER, Series
from charter_engine.service.session_store import SessionStore
from tests.nvml import GIB, FakeDevice, FakeNvml

HOURS = 7 * 24
HOUR, SCRAPE_SECONDS, NOTE_SECONDS = 3_600, 15, 6 * 3_600
DAY_HOURS, BUSY_HOUR, REQUESTS = 24, 9, 2
"""In the busy hour of a day so many requests come each second."""
PROCESSOR_BAR = 0.01
GROWTH_BAR_MB = 16.0
PART_BYTES = 4_000_000


class IdleEngine:
    """Everything of an engine that goes on by itself, but for the clock."""

    def __init__(self, begin: float, folder: Path) -> None:
        self.now = begin
        self.hub = Hub(lambda: self.now)
        self.store = SessionStore(self.hub)
        self.series = Series(self.hub, self.store)
        self.marks = Marks(self.hub, self.store)
        self.recorder = Recorder(self.hub, limits=RecordingLimits(PART_BYTES, keep=2))
        self._folder = folder
        self._host = HostMonitor(lambda: self.now)
        self._gpus = GpuMonitor(FakeNvml(FakeDevice(processes={1: 20 * GIB})))
        self._registry = CollectorRegistry()
        self._registry.register(States(self.hub.latest))
        self.hub.taps.append(TrafficCounters(self._registry).take)

    async def start(self) -> None:
        await self.store.open(self._folder / "charter.db", "", "idle")
        await self.recorder.start(self._folder / "idle.charter")

    async def second(self, number: int) -> None:
        """What happens in a second, as its tasks would do it one after the other."""
        self.now += 1
        pool = KvPool(max_blocks=4_096, free_blocks=4_000, used_blocks=96, tokens_per_block=32)
        sample = TritonSample(health="ready", kv_pool=pool, waiting_requests=number % 2)
        self.hub.publish(Triton(sample))
        gpus = self._gpus.sample(self.now)
        split = tuple(memory_split(gpu, Serving(pool=pool)) for gpu in gpus.gpus)
        self.hub.publish(Gpu(replace(gpus, split=split)))
        self.hub.publish(Host(self._host.sample()))
        if number // HOUR % DAY_HOURS == BUSY_HOUR:
            self._serve(number)
        await self.series.tick()
        await self.marks.keep()
        await self.recorder._flush()
        if number % KEPT_TOGETHER == 0:
            await self.series._keep()
        if number % SCRAPE_SECONDS == 0:
            generate_latest(self._registry)
        if number % NOTE_SECONDS == 0:
            self.marks.note(f"hour {number // HOUR}")
        if number % HOUR == 0 and self.store._store is not None:
            await self.store._store.prune()

    def _serve(self, number: int) -> None:
        for item in range(REQUESTS):
            told = RequestRecord(
                run="",
                node=f"node {item}",
                item=number,
                started_at=self.now,
                prompt_tokens=1_000,
                reused_tokens=500,
                ttft_ms=20.0,
            )
            self.hub.request(told)
            self.hub.event("request", "traffic, 500 of 1000 prompt tokens reused", node=told.node)

    async def stop(self) -> None:
        await self.series.stop()
        await self.marks.stop()
        await self.recorder.stop()
        await self.store.close()


async def measure(folder: Path, hours: int) -> bool:
    logging.disable()
    engine = IdleEngine(time.time() - hours * HOUR, folder)
    await engine.start()
    begin = time.process_time()
    settled = 0.0
    for number in range(hours * HOUR):
        await engine.second(number)
        if number == max(HOUR, hours * HOUR // 4):
            settled = resident_mb()
        if number % (DAY_HOURS * HOUR) == DAY_HOURS * HOUR - 1:
            kept = sum(item.stat().st_size for item in folder.iterdir()) / 1e6
            day = number // (DAY_HOURS * HOUR) + 1
            print(f"day {day}: {resident_mb():.0f} MB of memory, {kept:.0f} MB kept", flush=True)
    share = (time.process_time() - begin) / (hours * HOUR)
    grown = resident_mb() - settled
    await engine.stop()
    sizes = {item.name: item.stat().st_size / 1e6 for item in sorted(folder.iterdir())}
    print(f"{hours} hours: {share:.2%} of a processor (bar {PROCESSOR_BAR:.0%})")
    print(
        f"memory: {resident_mb():.0f} MB, {grown:+.1f} MB since a quarter of it "
        f"(bar {GROWTH_BAR_MB:.0f} MB), at most {peak_mb():.0f} MB"
    )
    print("files: " + ", ".join(f"{name} {size:.1f} MB" for name, size in sizes.items()))
    return share < PROCESSOR_BAR and grown < GROWTH_BAR_MB


def resident_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 1e6


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=HOURS)
    hours = parser.parse_args().hours
    with tempfile.TemporaryDirectory() as folder:
        return 0 if asyncio.run(measure(Path(folder), hours)) else 1


if __name__ == "__main__":
    sys.exit(main())
