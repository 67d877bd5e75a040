"""What passes through a deployment, as its tap tells of it."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from charter_engine.api.deployments import opened
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.live import KvPool, NodeStats, RequestRecord
from charter_engine.contracts.traffic import TrafficBatch, TrafficRecord, TrafficSummary

if TYPE_CHECKING:
    from charter_engine.contracts.deploy import Profile
    from charter_engine.servers.deployment import Deployment
    from charter_engine.triton.client import TritonClient
    from charter_engine.triton.deploy import Deployer
    from charter_engine.triton.tap import TapReader

INTERVAL_SECONDS = 1.0
"""As often as the engine itself drains the tap."""


async def pool_of(deployer: "Deployer") -> KvPool | None:
    """The pool by the deployment's metrics page; None where there is none."""
    from charter_engine.triton.errors import TritonError
    from charter_engine.triton.metrics import scrape

    try:
        return (await scrape(deployer.target.metrics_url or "")).kv_pool
    except TritonError:
        return None


def kept(batch: TrafficBatch) -> TrafficBatch:
    """What a new reader was given, with those before it counted as lost."""
    return TrafficBatch(records=batch.records, lost=batch.lost + batch.before)


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


class DeploymentTap:
    """The tap of a deployment that stays open: drained by cursor, also where its client was made
    anew meanwhile."""

    def __init__(self, deployment: "Deployment") -> None:
        self._deployment = deployment
        self._reader: TapReader | None = None
        self._client: TritonClient | None = None

    @property
    def is_new(self) -> bool:
        """Whether the next drain gives all that the tap still knows."""
        return self._reader is None or not self._reader.cursor

    @property
    def profile(self) -> "Profile":
        """What is known of the deployment."""
        return self._deployment.profile

    @property
    def reader(self) -> "TapReader | None":
        """What reads the tap, once it was drained."""
        return self._reader

    @property
    def trouble(self) -> str:
        """Nothing is amiss that `drain` does not raise."""
        return ""

    @property
    def sent_by_others(self) -> int | None:
        """As Triton's metrics page last counted: what `charter_bls` answered, but for what its
        reader sent for this."""
        answered = self._deployment.answered
        own = self._reader.asked if self._reader is not None else 0
        return None if answered is None else answered - own

    def begin_anew(self) -> None:
        """Read again what the tap still knows."""
        self._reader = None

    def on_page(self, revision: int) -> tuple[NodeStats, ...]:
        """The totals of each node under a revision, and of what belongs to none, as Triton's
        metrics page last told them: for a deployment that tells of no single request."""
        return tuple(
            NodeStats(
                node=item.node,
                source="metrics page",
                requests=item.requests,
                failures=item.failures,
                prompt_tokens=item.prompt_tokens,
                reused_tokens=item.reused_tokens,
                reused_blocks=item.kv_blocks_reused,
                total_blocks=item.kv_blocks_reused + item.kv_blocks_missed,
            )
            for item in self._deployment.node_counters
            if item.revision == revision
        )

    async def drain(self) -> TrafficBatch | None:
        """What passed since the last time. None where there is no tap, or where reading began anew
        meanwhile. Raises `CharterError`."""
        from charter_engine.triton.tap import TapReader

        if not self._deployment.started or not self._deployment.profile.charter_bls:
            return None
        client = self._deployment.client
        if self._reader is None or self._client is not client:
            self._client = client
            self._reader = TapReader(client, self._reader.cursor if self._reader else "")
        reader = self._reader
        batch = await reader.drain()
        return batch if reader is self._reader else None


def request_of(record: TrafficRecord) -> RequestRecord:
    """A request that somebody sent, as a run's own would be told."""
    from charter_engine.traffic import requests

    return requests.request_of(record)


def summary(batch: TrafficBatch) -> TrafficSummary:
    """What the requests come to, by node."""
    from charter_engine.traffic.figures import summary_of

    return summary_of(batch.records, batch.lost)


def line(record: TrafficRecord) -> bytes:
    """A record as a line of a file that is read as a workload."""
    import msgspec

    return msgspec.json.encode(record) + b"\n"
