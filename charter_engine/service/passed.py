"""What passed through the deployment: the last of it in memory, and more in the database."""

import asyncio
from collections import deque

from msgspec.structs import replace

from charter_engine.api.explaining import explained, report
from charter_engine.api.traffic import DeploymentTap
from charter_engine.contracts.explaining import MissReport, MissResult
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.protocol import ExplainMiss, ListMisses, ListPassed
from charter_engine.contracts.traffic import PassedRequests, TrafficBatch, TrafficRecord
from charter_engine.service.session_store import SessionStore

MOST_RECORDS = 20_000
AboutTraffic = ListPassed | ListMisses | ExplainMiss


class Passed:
    """The records of the tap, and what they tell of misses."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._records: deque[TrafficRecord] = deque(maxlen=MOST_RECORDS)
        self._lost = 0

    async def take(self, batch: TrafficBatch) -> None:
        """Requests passed."""
        self._lost += batch.lost
        self._records += batch.records
        await self._store.traffic(batch.records)

    def begin_anew(self) -> None:
        """All that the tap still knows is told again."""
        self._records.clear()
        self._lost = 0

    def last(self, count: int, after: int | None = None) -> PassedRequests:
        """The last requests, without the hashes of their prompts; those behind the number `after`,
        or all of a tap that counts anew."""
        records = list(self._records)[-count:] if count > 0 else []
        if after is not None and records and records[-1].sequence >= after:
            records = [record for record in records if record.sequence > after]
        bare = tuple(replace(record, hashes=b"") for record in records)
        return PassedRequests(records=bare, lost=self._lost)

    async def answer(
        self, command: AboutTraffic, pool: KvPool | None, tap: DeploymentTap
    ) -> PassedRequests | MissReport | MissResult:
        """What is asked of the traffic. Words come from the memory of the deployment behind `tap`.
        Raises `CharterError`."""
        match command:
            case ListPassed(last=count, after=after):
                return self.last(count, after)
            case ListMisses(since=since):
                return await asyncio.to_thread(report, await self._batch(since), pool)
            case ExplainMiss(query=query):
                return await explained(await self._batch(None), query, pool, tap.reader)

    async def _batch(self, since: float | None) -> TrafficBatch:
        records = tuple(self._records)
        if since is not None and (not records or records[0].at > since):
            records = await self._store.passed(since, MOST_RECORDS) or records
        wanted = tuple(item for item in records if since is None or item.at >= since)
        return TrafficBatch(records=wanted, lost=self._lost)
