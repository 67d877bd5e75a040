"""What passes through a deployment, as its tap tells of it."""

import asyncio
from collections.abc import AsyncIterator

from charter_engine.api.deployments import opened
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.traffic import TrafficBatch, TrafficRecord, TrafficSummary

INTERVAL_SECONDS = 1.0


async def passed(triton: TritonOptions) -> TrafficBatch:
    """The last requests that passed, whoever sent them; `lost` counts those before, which nobody
    can read any more. Raises `CharterError`."""
    from charter_engine.triton.tap import TapReader

    async with opened(triton) as deployer:
        batch = await TapReader(deployer.client).drain()
    before = batch.records[0].sequence if batch.records else 0
    return TrafficBatch(records=batch.records, lost=batch.lost + before)


async def follow(triton: TritonOptions) -> AsyncIterator[TrafficBatch]:
    """The last requests that passed, and then, once a second, those that passed meanwhile; only
    batches that tell something. Raises `CharterError`."""
    from charter_engine.triton.tap import TapReader

    async with opened(triton) as deployer:
        reader = TapReader(deployer.client)
        while True:
            batch = await reader.drain()
            if batch != TrafficBatch():
                yield batch
            await asyncio.sleep(INTERVAL_SECONDS)


def summary(batch: TrafficBatch) -> TrafficSummary:
    """What the requests come to, by node."""
    from charter_engine.traffic.figures import summary_of

    return summary_of(batch.records, batch.lost)


def line(record: TrafficRecord) -> bytes:
    """A record as a line of a file that is read as a workload."""
    import msgspec

    return msgspec.json.encode(record) + b"\n"
