"""Push and rollback, and leaving a deployment as it was found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from charter_engine.api.deployments import opened, repaired
from charter_engine.api.progress import Report, silent
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploy import Diff, PushReport
from charter_engine.contracts.deploying import PushRequest, RollbackRequest
from charter_engine.contracts.graph import Call
from charter_engine.contracts.layout_preview import LayoutPreview
from charter_engine.contracts.plan import Plan
from charter_engine.errors import UsageError

if TYPE_CHECKING:
    from charter_engine.api.agents import OpenedAgent
    from charter_engine.bls.reuse_times import ReuseTimeRules
    from charter_engine.triton.deploy import Deployer


class ToPush(NamedTuple):
    """A plan, its agent's calls, the reuse times it names, and the agent's own inputs."""

    plan: Plan
    calls: Sequence[Call]
    reuse_times: "ReuseTimeRules | None"
    inputs: Sequence[Mapping[str, Any]] = ()


async def push(request: PushRequest, triton: TritonOptions, report: Report = silent) -> PushReport:
    """Make a plan live, or change nothing. Raises `CharterError`."""
    return await push_read(read_to_push(request), request, triton, report)


async def push_read(
    read: ToPush, request: PushRequest, triton: TritonOptions, report: Report = silent
) -> PushReport:
    """As `push`, of what the request names and was read already."""
    async with opened(triton, report) as deployer:
        return await push_to(deployer, read, request)


async def push_to(deployer: "Deployer", read: ToPush, request: PushRequest) -> PushReport:
    """As `push_read`, to a deployment that is open; watched afterwards where the request says
    so."""
    from charter_engine.triton import watch

    shown = await _preview(read, request, deployer)
    before = await watch.before_push(deployer) if request.watch else watch.Before()
    pushed = await deployer.push(
        read.plan,
        read.calls,
        reuse_times=read.reuse_times,
        base_revision=request.base_revision,
        note=request.note,
        force=request.force,
    )
    report = replace(pushed, diff=replace(pushed.diff, preview=shown))
    if request.watch is None or not report.verified:
        return report
    deployer.on_step(f"{report.message}; watched for {request.watch.seconds:g} s")
    return await watch.watched(deployer, report, before, request.watch)


async def diff(request: PushRequest, triton: TritonOptions, report: Report = silent) -> Diff:
    """What the push would change of what is live. Raises `CharterError`, as the push would."""
    return await diff_read(read_to_push(request), request, triton, report)


async def diff_read(
    read: ToPush, request: PushRequest, triton: TritonOptions, report: Report = silent
) -> Diff:
    """As `diff`, of what the request names and was read already."""
    async with repaired(triton, report) as deployer:
        found = await deployer.diff(read.plan, read.reuse_times, force=request.force)
        return replace(found, preview=await _preview(read, request, deployer))


async def _preview(
    read: ToPush, request: PushRequest, deployer: "Deployer"
) -> LayoutPreview | None:
    """What layouts for traffic would do; None where none is for traffic. Raises `CharterError`."""
    from charter_engine.api.previewing import LayoutSubject, preview
    from charter_engine.plan.diff import lays_out_traffic

    if not lays_out_traffic(read.plan):
        return None
    return await preview(
        LayoutSubject(read.plan, read.calls, read.inputs), deployer, request.traffic
    )


async def rollback(
    request: RollbackRequest, triton: TritonOptions, report: Report = silent
) -> PushReport:
    """Go back to an earlier revision. Raises `CharterError`."""
    async with opened(triton, report) as deployer:
        return await deployer.rollback(
            request.revision,
            base_revision=request.base_revision,
            note=request.note,
            force=request.force,
        )


async def uninstall(
    triton: TritonOptions, report: Report = silent, *, force: bool = False
) -> PushReport:
    """Leave the deployment as it was found before the first push; its history is kept elsewhere.
    Where Triton does not answer, its files are put back. Raises `CharterError`."""
    async with opened(triton, report) as deployer:
        return await deployer.uninstall(force=force)


def read_to_push(request: PushRequest) -> ToPush:
    """The plan, checked against its agent's calls, and the reuse times it names. Raises
    `UsageError`."""
    from charter_engine.api.plan_files import plan_of

    path = Path(request.plan)
    plan = plan_of(path)
    reuse_times = rules_of(plan, path)
    # A plan learnt from requests alone has no nodes to find in a source.
    if not request.agent and not plan.nodes:
        return ToPush(plan, (), reuse_times)
    agent = _agent(Path(request.agent) if request.agent else source_of(plan, path))
    plan = plan_for(agent, plan, request.plan)
    return ToPush(plan, agent.compiled.calls, reuse_times, agent.inputs)


def rules_of(plan: Plan, path: Path) -> "ReuseTimeRules | None":
    """What a plan that stands in the file `path` decides by, request by request; None if by
    nothing. Raises `UsageError`."""
    from charter_engine.api.reuse_times_files import reuse_times_of_plan
    from charter_engine.plan.retention.online import online

    file = reuse_times_of_plan(plan, path)
    return online(file.model, file.pricing, file.room) if file is not None else None


def plan_for(agent: "OpenedAgent", plan: Plan, place: str) -> Plan:
    """The plan in the file `place`, which must be for this agent. Raises `UsageError`."""
    from charter_engine.plan.belonging import fitted
    from charter_engine.plan.edit import default_plan

    return fitted(plan, default_plan(agent.compiled), agent.compiled.calls, place)


def source_of(plan: Plan, path: Path) -> Path:
    """The agent's source as the plan in the file `path` names it: from here, else from where the
    plan lies."""
    named = Path(plan.agent)
    beside = path.parent / named
    return beside if not named.exists() and beside.exists() else named


def _agent(path: Path) -> "OpenedAgent":
    from charter_engine.api.agents import open_agent

    if not (path.is_file() or path.is_dir()):
        found = "is neither a file nor a directory" if path.exists() else "is not there"
        raise UsageError(
            f"the plan's agent {path} {found}", remedy="give its source with --agent FILE|FOLDER"
        )
    agent = open_agent(path)
    for first in (error for error in agent.compiled.errors if error.severity == "error"):
        place = f"{first.path}:{first.line}" if first.line else first.path
        raise UsageError(f"{place}: {first.message}", remedy=first.remedy)
    return agent
