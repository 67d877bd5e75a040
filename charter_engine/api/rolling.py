"""Push, rollback and history of several servers; of each as `api.deploying` does it."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.api.deploying import ToPush, push_to, read_to_push
from charter_engine.api.deployments import unheeded
from charter_engine.api.progress import Report, silent
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import PushReport
from charter_engine.contracts.deploying import PushRequest, RollbackRequest
from charter_engine.contracts.rollout import FleetDiff, RolloutReport, ServerDiff, ServerHistory
from charter_engine.errors import CharterError

if TYPE_CHECKING:
    from charter_engine.fleet.rolling import OnStep, OpenServers
    from charter_engine.triton.deploy import Deployer


async def push(
    request: PushRequest,
    servers: Sequence[TritonOptions],
    report: Report = silent,
    *,
    skip_down: bool = False,
) -> RolloutReport:
    """Make a plan live on the servers one after another, or on none.

    Each is pushed to as a single one is, watched where the request says so. Where one fails, is
    taken back or is interrupted, those before it are taken back. With `skip_down` those that do not
    answer are left out. Raises `UsageError`; what a server refused stands in the report.
    """
    from charter_engine.fleet.rolling import opened_servers

    read = await asyncio.to_thread(read_to_push, request)
    told = steps(report)
    async with opened_servers(servers, told) as found:
        return await push_through(found, read, request, told, skip_down=skip_down)


async def push_through(
    servers: "OpenServers",
    read: ToPush,
    request: PushRequest,
    on_step: "OnStep",
    *,
    skip_down: bool = False,
) -> RolloutReport:
    """As `push`, to servers that are open, of what the request names and was read already."""
    from charter_engine.fleet.rolling import roll

    async def check(deployer: "Deployer") -> None:
        await deployer.require_pushable(
            read.plan,
            read.reuse_times,
            base_revision=request.base_revision,
            force=request.force,
        )

    async def carry(deployer: "Deployer", live: int) -> PushReport:
        return await push_to(deployer, read, replace(request, base_revision=live))

    return await roll(servers, check, carry, on_step, skip_down=skip_down)


async def rollback(
    request: RollbackRequest,
    servers: Sequence[TritonOptions],
    report: Report = silent,
    *,
    skip_down: bool = False,
) -> RolloutReport:
    """Go back to an earlier revision on the servers one after another, or on none: as `push`."""
    from charter_engine.fleet.rolling import opened_servers, roll

    async def check(deployer: "Deployer") -> None:
        await deployer.require_returnable(
            request.revision, base_revision=request.base_revision, force=request.force
        )

    async def carry(deployer: "Deployer", live: int) -> PushReport:
        return await deployer.rollback(
            request.revision, base_revision=live, note=request.note, force=request.force
        )

    told = steps(report)
    async with opened_servers(servers, told) as found:
        return await roll(found, check, carry, told, skip_down=skip_down)


async def diff(
    request: PushRequest, servers: Sequence[TritonOptions], report: Report = silent
) -> FleetDiff:
    """What the push would change on each of the servers. Raises `UsageError`."""
    from charter_engine.fleet.rolling import opened_servers

    read = await asyncio.to_thread(read_to_push, request)
    async with opened_servers(servers, steps(report)) as found:
        return FleetDiff(
            servers=tuple([await _server_diff(found, name, read, request) for name in found.names])
        )


async def histories(
    servers: Sequence[TritonOptions], report: Report = silent
) -> tuple[ServerHistory, ...]:
    """The revisions of each of the servers; of one that is down as far as they are on record
    here."""
    from charter_engine.api import revisions
    from charter_engine.fleet.rolling import name_of

    async def one(options: TritonOptions) -> ServerHistory:
        name = name_of(options)
        try:
            return ServerHistory(
                server=name, revisions=await revisions.history(options, prefixed(name, report))
            )
        except CharterError as error:
            return ServerHistory(server=name, message=error.message, kind=error.kind)

    return tuple(await asyncio.gather(*map(one, servers)))


def prefixed(server: str, report: Report) -> Report:
    """Reports steps with the server they are made at."""
    return lambda progress: report(replace(progress, stage=f"{server}: {progress.stage}"))


def steps(report: Report) -> "OnStep":
    """Reports steps with the server they are made at; that nobody reads them undoes nothing."""

    def on_step(server: str, step: str) -> None:
        unheeded(prefixed(server, report))(step)

    return on_step


async def _server_diff(
    servers: "OpenServers", name: str, read: ToPush, request: PushRequest
) -> ServerDiff:
    try:
        if name in servers.failures:
            raise servers.failures[name]
        deployer = servers.deployers[name]
        await deployer.repair()
        found = await deployer.diff(read.plan, read.reuse_times, force=request.force)
        return ServerDiff(server=name, diff=found)
    except CharterError as error:
        return ServerDiff(server=name, message=error.message, remedy=error.remedy, kind=error.kind)
