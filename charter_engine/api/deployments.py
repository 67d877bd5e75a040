"""Which deployment is meant, and what it can do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from charter_engine.api.progress import Progress, Report, silent
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import Profile

if TYPE_CHECKING:
    from charter_engine.triton.deploy import Deployer


@asynccontextmanager
async def opened(triton: TritonOptions, report: Report = silent) -> "AsyncIterator[Deployer]":
    """The deployment at the address given, else the embedded one of that name that is up. Raises
    `CharterError` if there is none."""
    from charter_engine.servers.attaching import attached

    async with attached(triton, on_step=lambda step: report(Progress(step))) as deployer:
        yield deployer


def located(triton: TritonOptions) -> TritonOptions:
    """The options with an address: their own, or else that of the embedded Triton of their name.
    Raises `CharterError` if none is up."""
    from charter_engine.servers import attaching

    return attaching.located(triton)


async def profile(triton: TritonOptions) -> Profile:
    """What the deployment can do, found by asking it. Raises `CharterError`."""
    async with opened(triton) as deployer:
        return await deployer.profile()
