"""Keeps sessions, runs, revisions, traffic, ticks and marks. What cannot be kept is said, and stops
nothing."""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Sequence
from pathlib import Path

from charter_engine.api.runs import detail
from charter_engine.api.texts import without_text
from charter_engine.contracts.deploy import Revision
from charter_engine.contracts.gauges import Database, Marker
from charter_engine.contracts.live import RunReport
from charter_engine.contracts.runs import RunDetail
from charter_engine.contracts.series import Tick
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.errors import CharterError, UsageError
from charter_engine.service.hub import Hub
from charter_engine.store.database import KeptRun, Store, StoreError

PRUNING_SECONDS = 3_600.0
"""In an hour the database grows by a few MB at most, and it may have 500."""
RESTING_SECONDS = 30.0
"""Assumed: a full disk is not free again sooner."""


class SessionStore:
    """One engine's session in the database. `keeps_text` False leaves out words of prompts and
    answers."""

    def __init__(self, hub: Hub, *, keeps_text: bool = True) -> None:
        self._hub = hub
        self._keeps_text = keeps_text
        self._store: Store | None = None
        self._session = 0
        self._deployment = ""
        self._troubles: dict[str, float] = {}
        self._pruning: asyncio.Task[None] | None = None

    async def open(self, path: Path, agent: str, deployment: str) -> None:
        store = Store(path)
        try:
            await store.__aenter__()
            self._session = await store.begin_session(agent, deployment)
        except (StoreError, OSError) as error:
            reason = f"{path}: {error.strerror}" if isinstance(error, OSError) else str(error)
            self._hub.event("engine", f"sessions are not kept: {reason}", level="warning")
            self._hub.publish(Database(path=str(path), unkept=("everything",)))
            await store.__aexit__(None, None, None)
            return
        self._store, self._deployment = store, deployment
        if store.notice:
            self._hub.event("engine", store.notice, level="warning")
        self._tell()
        self._pruning = asyncio.create_task(self._prune_regularly(store))

    async def begin_run(self, run: str) -> int | None:
        """The number of a run that begins, or None where none could be had."""
        if self._store is None:
            return None
        try:
            return await self._store.begin_run(self._session, run)
        except StoreError:  # which is said when the run is to be kept
            return None

    async def run(self, report: RunReport) -> int | None:
        """Keep a run; its number, or None where it was not kept."""
        if self._store is None:
            return None
        try:
            kept = report if self._keeps_text else without_text(report)
            return await self._store.save_run(self._session, kept)
        except StoreError as error:
            self._hub.event("engine", f"the run was not kept: {error}", level="warning")
            return None

    async def kept_runs(self) -> tuple[KeptRun, ...]:
        """The last runs on record, without their requests."""
        if self._store is None:
            return ()
        try:
            return await self._store.kept_runs()
        except StoreError as error:
            self._hub.event("engine", f"earlier runs can't be read: {error}", level="warning")
            return ()

    async def run_detail(self, number: int) -> RunDetail:
        """A run with its requests. Raises `CharterError`."""
        if self._store is None:
            raise UsageError(f"there is no run {number}")
        try:
            return await detail(self._store, number)
        except StoreError as error:
            raise CharterError(str(error)) from error

    async def revisions(self, revisions: Iterable[Revision]) -> None:
        if self._store is not None:
            try:
                for revision in revisions:
                    kept = revision if self._keeps_text else without_text(revision)
                    await self._store.save_revision(kept)
            except StoreError as error:
                self._hub.event(
                    "engine", f"the revision was not kept in the database: {error}", level="warning"
                )

    async def last_revision(self) -> int:
        """The number of the last revision of the deployment on record; 0 for none."""
        if self._store is None:
            return 0
        try:
            known = await self._store.revisions(self._deployment)
        except StoreError as error:
            self._hub.event("engine", f"earlier revisions can't be read: {error}", level="warning")
            return 0
        return known[-1].number if known else 0

    async def traffic(self, records: Sequence[TrafficRecord]) -> None:
        """Keep what passed. That it cannot be is said once, and for some time not tried again: a
        locked database must not make each second wait for it."""
        if self._store is not None and records and not self._rests("traffic"):
            kept = records if self._keeps_text else [without_text(record) for record in records]
            await self._try("traffic", self._store.save_traffic(self._deployment, "tap", kept))

    async def save_ticks(self, ticks: Sequence[Tick]) -> bool:
        """Keep what was measured; whether it is kept. That it cannot be is said once."""
        if self._store is None:
            return False
        return await self._try("history", self._store.save_ticks(self._deployment, ticks))

    async def ticks(self, begin: float, end: float, most: int) -> tuple[Tick, ...]:
        """What is kept of the time between two epoch seconds, at most so many ticks."""
        if self._store is None:
            return ()
        try:
            return await self._store.ticks(self._deployment, begin, end, most)
        except StoreError as error:
            raise CharterError(str(error)) from error

    async def save_marks(self, marks: Sequence[Marker]) -> bool:
        """Keep marks; whether they are kept. That they cannot be is said once."""
        if self._store is None or self._rests("what is marked"):
            return False
        return await self._try("what is marked", self._store.save_marks(self._deployment, marks))

    async def marks(self, begin: float, end: float, most: int) -> tuple[Marker, ...]:
        """The last marks that are kept of the time between two epoch seconds, oldest first."""
        if self._store is None:
            return ()
        try:
            return await self._store.marks(self._deployment, begin, end, most)
        except StoreError as error:
            raise CharterError(str(error)) from error

    def _rests(self, what: str) -> bool:
        """Whether keeping it failed so lately that it is not tried again yet."""
        failed_at = self._troubles.get(what)
        return failed_at is not None and time.monotonic() < failed_at + RESTING_SECONDS

    async def _try(self, what: str, keeping: Awaitable[None]) -> bool:
        """Whether it was kept. What goes wrong is said when it begins and when it is over."""
        try:
            await keeping
        except StoreError as error:
            if what not in self._troubles:
                self._hub.event("engine", f"{what} is not kept: {error}", level="warning")
            self._troubles[what] = time.monotonic()
            self._tell()
            return False
        if self._troubles.pop(what, None) is not None:
            self._hub.event("engine", f"{what} is kept again")
        self._tell()
        return True

    def _tell(self) -> None:
        """Publish how large the database is, and what it does not take."""
        if self._store is None:
            return
        path = self._store.path
        size = path.stat().st_size if path.exists() else 0
        unkept = tuple(sorted(self._troubles))
        self._hub.publish(Database(path=str(path), bytes=size, unkept=unkept))

    async def _prune_regularly(self, store: Store) -> None:
        while True:
            try:
                await store.prune()
            except StoreError as error:
                self._hub.event("engine", f"the database grows: {error}", level="warning")
            await asyncio.sleep(PRUNING_SECONDS)

    async def passed(self, since: float, most: int) -> tuple[TrafficRecord, ...]:
        """What passed through the deployment from that epoch second on, as far as it is kept."""
        if self._store is None:
            return ()
        try:
            return await self._store.traffic(self._deployment, since, most)
        except StoreError as error:
            raise CharterError(str(error)) from error

    async def close(self) -> None:
        if self._pruning is not None:
            self._pruning.cancel()
            await asyncio.gather(self._pruning, return_exceptions=True)
        if self._store is not None:
            try:
                await self._store.end_session(self._session)
            except StoreError as error:
                self._hub.event("engine", str(error), level="warning")
            await self._store.__aexit__(None, None, None)
            self._store = None
