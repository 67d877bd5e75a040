"""The corruption canary: whether a deployment's reuse changes its answers."""

import asyncio
import itertools
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from charter_engine.api.deployments import opened
from charter_engine.contracts.canary import CanaryReport, CanaryRequest
from charter_engine.contracts.connection import TritonOptions

if TYPE_CHECKING:
    from charter_engine.api.live_server import LiveServer
    from charter_engine.servers.canary import CorruptionCanary


async def rounds(request: CanaryRequest, triton: TritonOptions) -> AsyncGenerator[CanaryReport]:
    """What is known after each round of asking. Ends after the rounds asked for, or with an alarm.
    Raises `CharterError`."""
    from charter_engine.servers.canary import CorruptionCanary, TritonEngine

    async with opened(triton) as deployer:
        engine = TritonEngine(deployer.client, await deployer.profile())
        canary = CorruptionCanary(engine, every_seconds=request.every_seconds)
        for number in itertools.count(1):
            report = await canary.round()
            yield report
            if number == request.rounds or report.alarm is not None:
                return
            await asyncio.sleep(request.every_seconds or 0.0)


class LiveCanary:
    """The canary of a deployment that stays open, also where its client is made anew meanwhile."""

    def __init__(self, deployment: "LiveServer", every_seconds: float) -> None:
        self._deployment = deployment
        self._every_seconds = every_seconds
        self._canary: CorruptionCanary | None = None

    async def round(self) -> CanaryReport:
        """One round. Raises `CharterError`; the next goes on from there."""
        from charter_engine.servers.canary import CorruptionCanary

        engine = self._deployment.canary_target()
        if self._canary is None:
            self._canary = CorruptionCanary(engine, every_seconds=self._every_seconds)
        self._canary.target = engine
        return await self._canary.round()
