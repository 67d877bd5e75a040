"""What changes several servers, and their histories; of each as `api.deploying`, `api.drifting` and
`api.trials` do it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.api.deploying import ToPush, push_to, read_to_push
from charter_engine.api.deployments import unheeded
from charter_engine.api.progress import Report, silent
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import PushReport
from charter_engine.contracts.deploying import PushRequest, RollbackRequest
from charter_engine.contracts.rollout import (
    FleetDiff,
    RolloutReport,
    ServerDiff,
    ServerDrift,
    ServerHistory,
)
from charter_engine.contracts.trial import StartTrial
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from charter_engine.api.live_server import Revisions
    from charter_engine.fleet.rolling import Check, OnStep, OpenServers
    from charter_engine.servers.deployment import Deployment
    from charter_engine.triton.deploy import Deployer

DeployerChange = Callable[["Deployer", int], Awaitable[PushReport]]
"""Changes a server on which that revision is live."""
RevisionChange = Callable[["Revisions", int], Awaitable[PushReport]]
"""Changes what is live where that revision is."""
BEHIND = ("taken back", "left")
"""How servers stand that were changed before another one failed."""


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
    read = await asyncio.to_thread(read_to_push, request)
    return await _push_read(read, request, servers, report, skip_down=skip_down)


async def start_trial(
    request: StartTrial,
    servers: Sequence[TritonOptions],
    report: Report = silent,
    *,
    skip_down: bool = False,
) -> RolloutReport:
    """Start a trial on the servers one after another, or on none: as `push`. A session is in the
    same arm on all of them."""
    from charter_engine.api.trials import read_to_try

    read, pushing = await asyncio.to_thread(read_to_try, request)
    return await _push_read(read, pushing, servers, report, skip_down=skip_down)


async def _push_read(
    read: ToPush,
    request: PushRequest,
    servers: Sequence[TritonOptions],
    report: Report,
    *,
    skip_down: bool,
) -> RolloutReport:
    """As `push`, of what the request names and was read already."""

    async def check(deployer: "Deployer") -> None:
        await deployer.require_pushable(
            read.plan,
            read.reuse_times,
            base_revision=request.base_revision,
            force=request.force,
        )

    async def carry(deployer: "Deployer", live: int) -> PushReport:
        return await push_to(deployer, read, replace(request, base_revision=live))

    return await _rolled(servers, check, carry, report, skip_down=skip_down)


async def set_share(
    share: float,
    servers: Sequence[TritonOptions],
    report: Report = silent,
    *,
    note: str = "",
    skip_down: bool = False,
) -> RolloutReport:
    """Have the layouts of the live plans apply to another share of the sessions on the servers one
    after another, or on none: as `push`."""
    from charter_engine.api.trials import checked_share, trial_note

    why = note or trial_note(checked_share(share))
    return await _rolled(
        servers,
        lambda deployer: deployer.require_shareable(),
        lambda deployer, live: deployer.set_share(share, base_revision=live, note=why),
        report,
        skip_down=skip_down,
    )


async def put_back(
    servers: Sequence[TritonOptions], report: Report = silent, *, skip_down: bool = False
) -> RolloutReport:
    """Make each of the servers what was last pushed to it again, one after another.

    Each is asked first whether that can be done; where one fails on the way it goes no further.
    Those before it stay put back, since nothing keeps what others had changed.
    """
    return await _rolled(
        servers,
        lambda deployer: deployer.require_settleable(),
        lambda deployer, _: deployer.put_back(),
        report,
        skip_down=skip_down,
        takes_back=False,
    )


async def adopt(
    servers: Sequence[TritonOptions],
    report: Report = silent,
    *,
    note: str = "",
    skip_down: bool = False,
) -> RolloutReport:
    """Put on record what others did to each of the servers, as revisions of their own: as
    `put_back`; those before one that fails stay adopted, since going back would undo what others
    did."""
    return await _rolled(
        servers,
        lambda deployer: deployer.require_settleable(adopts=True),
        lambda deployer, _: deployer.adopt(note),
        report,
        skip_down=skip_down,
        takes_back=False,
    )


async def uninstall(
    servers: Sequence[TritonOptions],
    report: Report = silent,
    *,
    force: bool = False,
    skip_down: bool = False,
) -> RolloutReport:
    """Leave each of the servers as it was found, one after another: as `put_back`; those before one
    that fails stay as they were found, since their journals are put away."""
    return await _rolled(
        servers,
        lambda deployer: deployer.require_uninstallable(force=force),
        lambda deployer, _: deployer.uninstall(force=force),
        report,
        skip_down=skip_down,
        takes_back=False,
    )


async def _rolled(
    servers: Sequence[TritonOptions],
    check: "Check",
    carry: DeployerChange,
    report: Report,
    *,
    skip_down: bool,
    takes_back: bool = True,
) -> RolloutReport:
    from charter_engine.fleet.rolling import opened_servers, roll

    told = steps(report)
    async with opened_servers(servers, told) as found:
        return await roll(found, check, carry, told, skip_down=skip_down, takes_back=takes_back)


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
        _require_same_goal(found, deployer, request.revision)

    async def carry(deployer: "Deployer", live: int) -> PushReport:
        return await deployer.rollback(
            request.revision, base_revision=live, note=request.note, force=request.force
        )

    told = steps(report)
    async with opened_servers(servers, told) as found:
        return await roll(found, check, carry, told, skip_down=skip_down)


@dataclass(frozen=True)
class OpenChange:
    """A change of servers that are open. `goal` is the revision gone back to, where one is named.
    With `has_way_back` False servers that were changed stay so where another one fails."""

    carry: RevisionChange
    goal: int | None = None
    has_way_back: bool = True


async def change_open(
    deployments: Sequence["Deployment"], change: OpenChange, on_step: "OnStep"
) -> PushReport:
    """Change servers that an engine holds open, one after another, or none of them where there is a
    way back; what the first of them reports. Raises `CharterError`."""
    from charter_engine.fleet.rolling import OpenServers, roll

    names = tuple(one.options.called for one in deployments)
    found = OpenServers(names)
    for name, one in zip(names, deployments, strict=True):
        try:
            found.deployers[name] = one.deployer
        except CharterError as error:
            found.failures[name] = error

    async def check(deployer: "Deployer") -> None:
        await deployer.client.server_version()
        _require_same_goal(found, deployer, change.goal)

    rolled = await roll(found, check, change.carry, on_step, takes_back=change.has_way_back)
    failure = rolled.failure
    if failure is not None:
        behind = BEHIND if change.has_way_back else ("changed",)
        others = ", ".join(
            f"{one.server}: {one.message}" for one in rolled.servers if one.state in behind
        )
        raise CharterError(
            f"{failure.server}: {failure.message}" + (f"; {others}" if others else ""),
            remedy=failure.remedy,
            kind=failure.kind,
        )
    first = rolled.servers[0].report
    assert first is not None
    message = f"{first.message} on {names[0]}, and its change on {len(names) - 1} more"
    return replace(first, message=message, elapsed_ms=rolled.elapsed_ms)


def _require_same_goal(servers: "OpenServers", deployer: "Deployer", number: int | None) -> None:
    """Raises `UsageError` where the revision of that number is another plan than on the first
    server: each counts its own."""
    first = next(iter(servers.deployers.values()))
    if number is None or deployer is first:
        return
    plans = [
        next((item.plan for item in one.history() if item.number == number), None)
        for one in (first, deployer)
    ]
    if plans[0] != plans[1]:
        raise UsageError(
            f"revision {number} is another plan here than on {first.client.connection.url}",
            remedy="leave the number out to undo the last push of each, or push the plan",
        )


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


async def drifts(servers: Sequence[TritonOptions]) -> tuple[ServerDrift, ...]:
    """What others changed of each of the servers since the last push to it."""
    from charter_engine.api.drifting import drift

    async def one(options: TritonOptions) -> ServerDrift:
        try:
            return ServerDrift(server=options.called, drift=await drift(options))
        except CharterError as error:
            return ServerDrift(
                server=options.called,
                message=error.message,
                remedy=error.remedy,
                kind=error.kind,
            )

    return tuple(await asyncio.gather(*map(one, servers)))


async def histories(
    servers: Sequence[TritonOptions], report: Report = silent
) -> tuple[ServerHistory, ...]:
    """The revisions of each of the servers; of one that is down as far as they are on record
    here."""
    from charter_engine.api import revisions

    async def one(options: TritonOptions) -> ServerHistory:
        name = options.called
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
