"""What others did to a deployment since the last push from here, and what becomes of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from charter_engine.api.deployments import drift_in_words, opened
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import PushReport
from charter_engine.contracts.deploying import DeploymentDrift
from charter_engine.errors import CharterError

if TYPE_CHECKING:
    from charter_engine.triton.deploy import Deployer

LOOK_SECONDS = 5.0
"""As often as the engine itself looks for drift."""


async def drift(triton: TritonOptions) -> DeploymentDrift:
    """How the deployment differs from the revision last pushed from here. Changes nothing. Raises
    `CharterError`."""
    async with opened(triton) as deployer:
        return await drift_of(deployer)


async def adopt(triton: TritonOptions, report: Report = silent, *, note: str = "") -> PushReport:
    """Put on record what others did, as a revision of its own. Raises `CharterError`."""
    async with opened(triton, report) as deployer:
        return await deployer.adopt(note)


async def put_back(triton: TritonOptions, report: Report = silent) -> PushReport:
    """Make the deployment what was last pushed again. Raises `CharterError`."""
    async with opened(triton, report) as deployer:
        return await deployer.put_back()


async def drift_of(deployer: "Deployer") -> DeploymentDrift:
    """As `drift`, of a deployment that is open."""
    recorded = deployer.recorded()
    return DeploymentDrift(
        revision=recorded.number if recorded else None,
        changes=await deployer.foreign_changes(),
        interruption=deployer.interruption(),
    )


@asynccontextmanager
async def told_meanwhile(tritons: Sequence[TritonOptions], report: Report) -> AsyncIterator[None]:
    """Each deployment is looked at every few seconds meanwhile: what somebody else changes of it is
    reported, and a push that was cut short, each once."""
    watches = [asyncio.create_task(_watch(triton, report)) for triton in tritons]
    try:
        yield
    finally:
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)


async def _watch(triton: TritonOptions, report: Report) -> None:
    told = ""
    while True:
        with suppress(CharterError):  # that it does not answer is told by who asks it for more
            told = await _tell(triton, told, report)
        await asyncio.sleep(LOOK_SECONDS)


async def _tell(triton: TritonOptions, told: str, report: Report) -> str:
    """What was told of the deployment last."""
    async with opened(triton) as deployer:
        if deployer.is_busy:
            return told
        found = deployer.interruption() or drift_in_words(
            deployer.recorded(), await deployer.foreign_changes()
        )
        if found != told:
            name = deployer.client.connection.url
            report(Progress(f"{name}: {found or 'it is what was pushed again'}"))
        return found
