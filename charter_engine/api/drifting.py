"""What others did to a deployment since the last push from here, and what becomes of it."""

from typing import TYPE_CHECKING

from charter_engine.api.deployments import opened
from charter_engine.api.progress import Report, silent
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import PushReport
from charter_engine.contracts.deploying import DeploymentDrift

if TYPE_CHECKING:
    from charter_engine.triton.deploy import Deployer


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
