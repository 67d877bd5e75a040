"""The KV cache events of the deployment, followed beside everything else."""

import asyncio
from typing import TYPE_CHECKING

from charter_engine.api.live_server import LiveServer
from charter_engine.contracts.contents import KvEventSource

if TYPE_CHECKING:
    from charter_engine.api.measuring import FollowedEvents


class Measuring:
    """Follows the events of the source that was named, or those of the embedded Triton, which
    keeps its own. `followed` is None while there are none to follow."""

    def __init__(self, deployment: LiveServer, source: KvEventSource | None) -> None:
        self._deployment = deployment
        self._named = source
        self._task: asyncio.Task[None] | None = None
        self.followed: FollowedEvents | None = None

    def start(self) -> None:
        """Begin, once the deployment is up."""
        from charter_engine.api.measuring import FollowedEvents

        own = self._deployment.event_log
        source = self._named or (None if own is None else KvEventSource(address=str(own)))
        if source is not None:
            self.followed = FollowedEvents(source)
            self._task = asyncio.create_task(self.followed.follow())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
