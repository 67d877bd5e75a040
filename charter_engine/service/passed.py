"""What passed through the deployment: the last of it in memory, and more in the database."""

from collections.abc import Sequence

from msgspec.structs import replace

from charter_engine.api.explaining import explained, report, sessions
from charter_engine.api.live_server import TrafficTap
from charter_engine.api.told_causes import ToldCauses
from charter_engine.contracts.commands import ExplainMiss, ListMisses, ListPassed, ListSessions
from charter_engine.contracts.explaining import MissReport, MissResult
from charter_engine.contracts.graph import Call
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.sessions import SessionTraffic
from charter_engine.contracts.traffic import PassedRequests, TrafficBatch, TrafficRecord
from charter_engine.service.packed_records import PackedRecords
from charter_engine.service.session_store import SessionStore

MOST_RECORDS = 20_000
"""4 to 5 MB (`docs/scale.md`)."""
AboutTraffic = ListPassed | ListMisses | ExplainMiss | ListSessions


class Passed:
    """The records of the tap, and what they tell of misses."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store
        self._records = PackedRecords(MOST_RECORDS)
        self._lost = 0
        self._told = ToldCauses()

    async def take(self, batch: TrafficBatch) -> None:
        """Requests passed."""
        self._lost += batch.lost
        self._records.add(batch.records)
        await self._store.traffic(batch.records)

    def begin_anew(self) -> None:
        """All that the tap still knows is told again."""
        self._records.clear()
        self._lost = 0
        self._told.clear()

    def last(self, count: int, after: int | None = None, *, hashes: bool = True) -> PassedRequests:
        """The last requests, with the hashes of their prompts or without; those behind the number
        `after`, or all of a tap that counts anew."""
        records = self._records.last(count)
        if after is not None and records and records[-1].sequence >= after:
            records = [record for record in records if record.sequence > after]
        if not hashes:
            records = [replace(record, hashes=b"", answer_hashes=b"") for record in records]
        return PassedRequests(records=tuple(records), lost=self._lost)

    async def answer(
        self,
        command: AboutTraffic,
        pool: KvPool | None,
        tap: TrafficTap,
        calls: Sequence[Call],
    ) -> PassedRequests | MissReport | MissResult | tuple[SessionTraffic, ...]:
        """What is asked of the traffic. Words come from the memory of the deployment behind `tap`,
        places in the source from the open agent's `calls`. Raises `CharterError`."""
        match command:
            case ListPassed(last=count, after=after, hashes=hashes):
                return self.last(count, after, hashes=hashes)
            case ListMisses(since=since):
                batch = await self.since(since)
                return await report(batch, pool, tap.reader, calls, tap.profile, self._told)
            case ExplainMiss(query=query):
                batch = await self.since()
                return await explained(
                    batch, query, pool, tap.reader, calls, tap.profile, self._told
                )
            case ListSessions():
                batch = await self.since()
                return await sessions(batch, pool, tap.reader, calls, tap.profile, self._told)

    async def since(self, since: float | None = None) -> TrafficBatch:
        """What passed from that epoch second on, out of the database where memory does not reach
        so far; all that is in memory where none is given. Raises `CharterError`."""
        records: Sequence[TrafficRecord] = self._records.all()
        if since is not None and (not records or records[0].at > since):
            records = await self._store.passed(since, MOST_RECORDS) or records
        wanted = tuple(item for item in records if since is None or item.at >= since)
        return TrafficBatch(records=wanted, lost=self._lost)
