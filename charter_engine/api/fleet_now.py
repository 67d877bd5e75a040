"""Several servers asked themselves: how they stand, what passes, where they differ."""

import asyncio
import time
from collections.abc import Sequence

from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.fleet import FleetNow


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
