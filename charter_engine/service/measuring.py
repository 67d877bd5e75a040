"""The KV cache events of the deployment, followed beside everything else."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from charter_engine.contracts.contents import KvEventSource

if TYPE_CHECKING:
    from charter_engine.api.measuring import FollowedEvents


class Measuring:
    """Follows the events of the source that was named, or those of the deployment's own log, which
    an embedded Triton has once it is up. `followed` is None while there are none to follow."""

    def __init__(self, own_log: Callable[[], Path | None], source: KvEventSource | None) -> None:
        self._own_log = own_log
        self._named = source
        self._task: asyncio.Task[None] | None = None
        self.followed: FollowedEvents | None = None

    def start(self) -> None:
        """Begin, once the deployment is up."""
        from charter_engine.api.measuring import FollowedEvents

        own = self._own_log()
        source = self._named or (None if own is None else KvEventSource(address=str(own)))
        if source is not None:
            self.followed = FollowedEvents(source)
            self._task = asyncio.create_task(self.followed.follow())

    def blocks_on_gpu(self) -> int | None:
        """How many blocks of the pool hold something; None where no events tell."""
        return self.followed.blocks_on_gpu() if self.followed is not None else None

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
