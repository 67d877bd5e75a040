"""The KV cache events of the deployment, followed beside everything else."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from charter_engine.contracts.contents import KvEventSource

if TYPE_CHECKING:
    from charter_engine.api.measuring import FollowedEvents


class Measuring:
    """Follows the events of the source that was named, or of the one that the deployment tells of
    once it is up. `followed` is None while there are none to follow."""

    def __init__(
        self, own: Callable[[], KvEventSource | None], source: KvEventSource | None
    ) -> None:
        self._own = own
        self._named = source
        self._task: asyncio.Task[None] | None = None
        self.followed: FollowedEvents | None = None

    def start(self) -> None:
        """Begin as soon as it is known where."""
        from charter_engine.api.measuring import FollowedEvents

        source = self._named or self._own()
        if source is not None and self._task is None:
            self.followed = FollowedEvents(source)
            self._task = asyncio.create_task(self.followed.follow())

    def blocks_on_gpu(self) -> int | None:
        """How many blocks of the pool hold something; None where no events tell."""
        return self.followed.blocks_on_gpu() if self.followed is not None else None

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
