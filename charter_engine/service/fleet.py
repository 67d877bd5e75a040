"""Once a second: how several servers stand, and every few seconds where they differ."""

import asyncio
import math
import time
from collections.abc import Callable
from functools import cached_property

from charter_engine.api.fleet_now import FleetLook
from charter_engine.api.live_server import LiveServer, OpenServer
from charter_engine.api.rolling import OpenChange, change_open
from charter_engine.api.server_profiles import profile
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import PushReport
from charter_engine.contracts.fleet import ServerDifference
from charter_engine.contracts.gauges import Fleet
from charter_engine.contracts.live import TritonSample
from charter_engine.contracts.server import ProfileRequest, ServerReport
from charter_engine.errors import CharterError, UsageError
from charter_engine.service.hub import Hub
from charter_engine.service.options import Servers
from charter_engine.service.sampling import regularly

CLOSE_LOOK_SECONDS = 10.0
"""Assumed: a close look compares files of all servers, which change by hand."""
FIND_SECONDS = 5.0
"""Between two looks at which servers there are."""


class FleetWatch:
    """Tells of several servers as one gauge; of a single one it tells nothing.

    The first is the engine's own deployment, sampled elsewhere: `last` gives its last sample.
    `servers` None: there is only that one.
    """

    def __init__(
        self,
        hub: Hub,
        deployment: LiveServer,
        servers: Servers | None,
        last: Callable[[], TritonSample | None],
        on_step: Callable[[str], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hub = hub
        self._deployment = deployment
        self._servers = servers
        self._on_step = on_step
        self._clock = clock
        self._last = last
        self._next_close = math.inf
        self._next_find = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._trouble = ""
        self._told: tuple[ServerDifference, ...] = ()

    @cached_property
    def _look(self) -> FleetLook:
        return FleetLook(self._deployment.triton, self._last)

    @property
    def is_several(self) -> bool:
        """Whether there are others beside the engine's own deployment."""
        return self._servers is not None

    def start(self) -> None:
        if self.is_several:
            self._tasks = [
                asyncio.create_task(regularly(work)) for work in (self.look, self.look_closely)
            ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.is_several:
            await self._look.close()

    async def look(self) -> None:
        """Look at each server now, and tell."""
        known = self._look.found
        trouble = await self._find()
        now = await self._look.now(self._hub.now(), trouble)
        if self._look.found != known:
            self._next_close = 0.0
        self._hub.publish(Fleet(now=now))
        self._tell_differences(now.differences)

    async def look_closely(self) -> None:
        """Find out what is live on each and where they differ, if it is time to."""
        if self._clock() >= self._next_close:
            self._next_close = self._clock() + CLOSE_LOOK_SECONDS
            await self._look.closely()

    async def show(self, server: str) -> ServerReport:
        """What one of the servers is. Raises `CharterError`."""
        return await profile(ProfileRequest(), self._options_of(server))

    @property
    def deployments(self) -> tuple[OpenServer, ...]:
        """All that are open, the engine's own first."""
        own = (self._deployment,)
        return (self._look.deployments or own) if self.is_several else own

    async def changed(self, change: OpenChange) -> PushReport:
        """Carry a change through all servers, or none where there is a way back. Raises
        `CharterError`."""

        def on_step(server: str, step: str) -> None:
            self._on_step(f"{server}: {step}")

        try:
            return await change_open(self._look.deployments, change, on_step)
        finally:
            self._next_close = 0.0

    def _options_of(self, server: str) -> TritonOptions:
        found = self._look.found.get(server)
        if found is None:
            raise UsageError(f"there is no server {server}", remedy="look at the fleet again")
        return found

    async def _find(self) -> str:
        """Open servers that were added, close those that are gone; why that can't be told."""
        assert self._servers is not None
        if self._clock() < self._next_find:
            return self._trouble
        self._next_find = self._clock() + FIND_SECONDS
        try:
            found = await asyncio.to_thread(self._servers.servers)
        except CharterError as error:
            self._trouble = error.message
            return self._trouble
        self._trouble = self._servers.trouble
        added, gone = await self._look.follow(found)
        for name in added:
            self._hub.event("triton", f"{name} is one of the servers")
        for name in gone:
            self._hub.event("triton", f"{name} is no longer one of the servers", level="warning")
        return self._trouble

    def _tell_differences(self, found: tuple[ServerDifference, ...]) -> None:
        """Each once, for as long as it is there."""
        for one in found:
            if one not in self._told:
                told = f"{one.server} differs: {one.path} is {one.found}, not {one.usual}"
                self._hub.event("triton", told, level="warning")
        self._told = found
