"""Several servers asked themselves: how they stand, what passes, where they differ."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.fleet import FleetNow, ServerDifference, ServerNow
from charter_engine.contracts.live import TritonSample
from charter_engine.contracts.series import Tick
from charter_engine.errors import CharterError

if TYPE_CHECKING:
    from charter_engine.fleet.looking import LookedAtServer
    from charter_engine.servers.deployment import Deployment

WATCHED_SECONDS = 60
"""What passed in the last minute is what an engine tells of each server."""


async def fleet_now(
    servers: Sequence[TritonOptions], seconds: float = 3_600.0, now: float | None = None
) -> FleetNow:
    """All of them at once; one that does not answer is told as that. What passed is of the last
    `seconds`, as far as each server's tap still knows. Raises `UsageError`."""
    from charter_engine.api.deployments import located
    from charter_engine.fleet.comparison import differences
    from charter_engine.fleet.looking import LookedAtServer, look_at

    named = await asyncio.to_thread(lambda: list(map(located, servers)))
    at = time.time() if now is None else now
    looked = await asyncio.gather(
        *(look_at(LookedAtServer(options), seconds, at) for options in named)
    )
    return FleetNow(
        seconds=seconds,
        servers=tuple(server for server, _ in looked),
        differences=differences([facts for _, facts in looked if facts is not None]),
    )


class FleetLook:
    """Servers that are looked at again and again. The first is `deployment`, which whoever opened
    it closes and samples: `last` gives its last sample."""

    def __init__(self, deployment: "Deployment", last: Callable[[], TritonSample | None]) -> None:
        self._own = deployment
        self._last = last
        self._servers: dict[str, LookedAtServer] = {}
        self._ticks: dict[str, deque[Tick]] = {}
        self._differences: tuple[ServerDifference, ...] = ()
        self.found: dict[str, TritonOptions] = {}

    @property
    def deployments(self) -> tuple["Deployment", ...]:
        """All that are open, the engine's own first."""
        return tuple(server.deployment for server in self._servers.values())

    async def follow(
        self, found: Sequence[TritonOptions]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Look at these from now on; the names of those that are new, and of those that are gone.
        The engine's own deployment stays."""
        from charter_engine.fleet.looking import LookedAtServer

        own = self._own.options.called
        named = {own: self._own.options} | {options.called: options for options in found}
        known = tuple(self._servers)
        gone = tuple(name for name in known if name not in named)
        for name in gone:
            await self._servers.pop(name).close()
            del self._ticks[name]
        added = tuple(name for name in named if name not in known)
        for name in added:
            given = self._own if name == own else None
            self._servers[name] = LookedAtServer(named[name], given)
            self._ticks[name] = deque(maxlen=WATCHED_SECONDS)
        self.found = named
        return (added if known else ()), gone

    async def now(self, at: float, trouble: str = "") -> FleetNow:
        """Each of them at the epoch second `at`."""
        looked = await asyncio.gather(*(self._one(server, at) for server in self._servers.values()))
        names = {server.server for server in looked}
        return FleetNow(
            seconds=WATCHED_SECONDS,
            servers=tuple(looked),
            differences=tuple(one for one in self._differences if one.server in names),
            trouble=trouble,
        )

    async def closely(self) -> None:
        """Find out what is live on each, and where they differ."""
        from charter_engine.fleet.comparison import differences

        found = await asyncio.gather(*(server.look_closely() for server in self._servers.values()))
        self._differences = differences([facts for facts in found if facts is not None])

    async def close(self) -> None:
        """Close those that were opened here."""
        await asyncio.gather(*(server.close() for server in self._servers.values()))

    async def _one(self, server: "LookedAtServer", at: float) -> ServerNow:
        from charter_engine.fleet.looking import tick_of
        from charter_engine.store.ticks import together

        sample = await self._sample(server)
        ticks = self._ticks.get(server.name)
        before = server.is_new
        records = await server.passed() if sample.health == "ready" else None
        if records is None or ticks is None:
            return server.now(sample, None)
        ticks.append(tick_of(() if before else records, sample, at, 1.0))
        return server.now(sample, together(list(ticks)))

    async def _sample(self, server: "LookedAtServer") -> TritonSample:
        if server.deployment is self._own:
            return self._last() or TritonSample(health="starting", url=server.name)
        try:
            if not server.deployment.started:
                await server.start()
        except CharterError as error:
            return TritonSample(health="unreachable", reason=error.message, url=server.name)
        return await server.deployment.sample()
