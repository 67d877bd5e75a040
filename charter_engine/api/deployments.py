"""Which deployment is meant, and what it can do."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from charter_engine.api.progress import Progress, Report, silent
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import Change, Profile, Revision

if TYPE_CHECKING:
    from charter_engine.triton.deploy import Deployer


@asynccontextmanager
async def opened(triton: TritonOptions, report: Report = silent) -> "AsyncIterator[Deployer]":
    """The deployment at the address given, else the embedded one of that name that is up. Raises
    `CharterError` if there is none."""
    from charter_engine.servers.attaching import attached

    async with attached(triton, on_step=unheeded(report)) as deployer:
        yield deployer


def located(triton: TritonOptions) -> TritonOptions:
    """The options with an address: their own, or else that of the embedded Triton of their name.
    Raises `CharterError` if none is up."""
    from charter_engine.servers import attaching

    return attaching.located(triton)


@asynccontextmanager
async def repaired(triton: TritonOptions, report: Report = silent) -> "AsyncIterator[Deployer]":
    """The deployment as by `opened`, after a push that was cut short has been finished or taken
    back. Raises `CharterError`."""
    async with opened(triton, report) as deployer:
        await deployer.repair()
        await tell_drift(deployer, report)
        yield deployer


async def tell_drift(deployer: "Deployer", report: Report) -> None:
    """Report in one line that somebody else changed the deployment, where that is so. Raises
    `CharterError`."""
    told = drift_in_words(deployer.recorded(), await deployer.foreign_changes())
    if told:
        unheeded(report)(told)


def drift_in_words(pushed: Revision | None, changes: Sequence[Change]) -> str:
    """That somebody else changed a deployment, and the first thing changed; "" where nothing
    was."""
    if pushed is None or not changes:
        return ""
    first = changes[0]
    more = f", and {len(changes) - 1} more" if len(changes) > 1 else ""
    return (
        f"drift since revision {pushed.number}: {first.place} {first.key} is {first.new}, "
        f"not {first.old}{more}; charter-engine drift shows it"
    )


def unheeded(report: Report) -> Callable[[str], None]:
    """Reports steps. That nobody takes them any more is no reason to undo what is done."""

    def on_step(step: str) -> None:
        with suppress(OSError, ValueError):  # a closed pipe, a closed file
            report(Progress(step))

    return on_step


async def profile(triton: TritonOptions, report: Report = silent) -> Profile:
    """What the deployment can do, found by asking it. Raises `CharterError`."""
    async with repaired(triton, report) as deployer:
        return await deployer.profile()
