"""Once a second: the requests that others sent through the deployment, as its tap tells of them."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from charter_engine.api.live_server import TrafficTap
from charter_engine.api.token_parts import Apart, TokenPartsCount
from charter_engine.api.traffic import request_of
from charter_engine.contracts.compiling import TOKENS_PER_BLOCK
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.traffic import TrafficBatch, TrafficRecord
from charter_engine.errors import CharterError
from charter_engine.service.hub import Hub
from charter_engine.service.passed import Passed
from charter_engine.service.run_manager import RunManager, told
from charter_engine.service.sampling import regularly

log = logging.getLogger(__name__)

MOST_EVENTS = 50
"""Of one second: more requests than that make one event together."""

ON_PAGE = "; the nodes' totals are those of its metrics page until then"


class Tapping:
    """Counts traffic in the totals of the nodes, tells of it as events, and has it recorded.

    `live` gives the number of the live revision: what passed under an earlier one does not count.
    `passed` keeps all of it, whoever sent it; `pool` is what it is served from. Those in `telling`
    hear of all of it, told apart.
    Requests of this engine's own runs are left out, for the run tells of them itself.
    """

    def __init__(
        self,
        hub: Hub,
        tap: TrafficTap,
        running: RunManager,
        live: Callable[[], int],
        passed: Passed | None = None,
        pool: Callable[[], KvPool | None] = lambda: None,
    ) -> None:
        self.telling: list[Callable[[Sequence[Apart]], None]] = []
        self._parts = TokenPartsCount()
        self._pool = pool
        self._hub = hub
        self._passed = passed
        self.tap = tap
        self._running = running
        self._live = live
        self._trouble = ""
        self._told_less = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(regularly(self.drain))

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def begin_anew(self) -> None:
        """The nodes' totals began at nothing: count again what the tap still knows."""
        self.tap.begin_anew()
        if self._passed is not None:
            self._passed.begin_anew()

    async def drain(self) -> None:
        """Take in what passed since the last time; at first, all that the tap still knows."""
        anew = self.tap.is_new
        try:
            batch = await self.tap.drain()
        except CharterError as error:
            self._read_on_page(error)
            return
        if batch is not None:
            if self._trouble:
                self._running.read_on_page(())
            self._trouble = ""
            self._tell_less()
            self._take_in(batch, anew)
            await self._tell_apart(batch.records, anew=anew)
            if self._passed is not None:
                await self._passed.take(batch)

    def _take_in(self, batch: TrafficBatch, anew: bool) -> None:
        passed = [record for record in batch.records if not self._running.sent(record.run)]
        live = [record for record in passed if record.revision == self._live()]
        self._running.passed([request_of(record) for record in live])
        if anew:
            if live:
                count = "1 request" if len(live) == 1 else f"{len(live):,} requests"
                self._hub.event("request", f"{count} had passed before")
            return
        for record in passed:
            self._hub.request(request_of(record))
        self._tell(passed)
        if batch.restarted:
            self._hub.event("triton", "the tap began anew: some traffic may not have been seen")
        if batch.lost:
            text = f"{batch.lost:,} requests passed unseen: they came faster than they were read"
            self._hub.event("triton", text, level="warning")

    async def _tell_apart(self, records: Sequence[TrafficRecord], *, anew: bool) -> None:
        """Say what became of the tokens of every request; those from before are only known."""
        pool = self._pool()
        block = pool.tokens_per_block if pool and pool.tokens_per_block else TOKENS_PER_BLOCK
        told = await self._parts.take(records, block, count=not anew)
        if records and not anew:
            self._hub.publish(self._parts.total)
            for listener in self.telling:
                listener(told)

    def _tell(self, passed: Sequence[TrafficRecord]) -> None:
        for record in passed[:MOST_EVENTS]:
            log.debug("a request passed", extra={"request": record.request_id, "node": record.node})
            if record.error:
                self._hub.event("failure", record.error, level="error", node=record.node)
            else:
                self._hub.event("request", in_words(record), node=record.node)
        more = len(passed) - MOST_EVENTS
        if more > 0:
            self._hub.event("request", f"{more:,} more requests passed")

    def _tell_less(self) -> None:
        """Once, why less is told of prompts than could be."""
        said, self._told_less = self._told_less, self.tap.trouble
        if self._told_less and said != self._told_less:
            self._hub.event("triton", self._told_less, level="warning")

    def _read_on_page(self, error: CharterError) -> None:
        """Where the tap tells nothing, the metrics page has the nodes' totals, if not single
        requests.

        That a server is down is told by its health; anything else is worth an event, once.
        """
        said, self._trouble = self._trouble, str(error)
        if error.kind == "unreachable":
            return
        page = self.tap.on_page(self._live())
        self._running.read_on_page(page)
        if said != self._trouble:
            self._hub.event("triton", f"{error}{ON_PAGE if page else ''}", level="warning")


def in_words(record: TrafficRecord) -> str:
    """A request that somebody sent, in one line; only what the server told."""
    belongs = record.form or (f"unmatched, {record.unmatched}" if record.unmatched else "traffic")
    return ", ".join((belongs, *told(record)))
