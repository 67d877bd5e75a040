"""A plan being drafted: what is live for an agent, an operator's edits, and what a push of them
would change."""

from pathlib import Path

import psutil
from msgspec import Struct
from msgspec.structs import replace

from charter_engine.api.plan_files import plan_of
from charter_engine.contracts.commands import EditNode, EditServer
from charter_engine.contracts.deploy import Profile, Revision
from charter_engine.contracts.plan import Plan
from charter_engine.errors import UsageError
from charter_engine.plan.belonging import same_agent
from charter_engine.plan.diff import diff_plans
from charter_engine.plan.edit import default_plan, edit_node, edit_server
from charter_engine.plan.sense import NO_BOUNDS, ServerBounds, require_sense
from charter_engine.plan.settings import InvalidSetting

__all__ = [
    "NO_BOUNDS",
    "LivePlan",
    "ServerBounds",
    "bounds_of",
    "default_plan",
    "diff_plans",
    "edited",
    "live_plan",
    "plan_from_anywhere",
    "with_reuse_times_placed",
]


class LivePlan(Struct, frozen=True):
    """What is live. `served` is the plan as the deployment has it, which may be another agent's;
    `plan` is what of it concerns the open agent."""

    plan: Plan = Plan(agent="")
    served: Plan = Plan(agent="")
    revision: int = 0


def live_plan(revision: Revision | None, own: Plan) -> LivePlan:
    """What is live, as it concerns the agent whose plan as written is `own`.

    Of the agent's own plan, calls it does not know are planned as written and gone ones left out.
    Where another agent's is live, or none, everything is as written.
    """
    if revision is None:
        return LivePlan(own, own)
    served = revision.plan
    if not same_agent(served, own):
        return LivePlan(own, served, revision.number)
    nodes = {node: served.nodes.get(node, as_written) for node, as_written in own.nodes.items()}
    plan = replace(served, agent=own.agent, nodes=nodes)
    return LivePlan(plan, served, revision.number)


def bounds_of(profile: Profile, *, is_here: bool) -> ServerBounds:
    """What a plan for a server must keep to. `is_here`: it runs on this machine."""
    host = psutil.virtual_memory().total if is_here else None
    return ServerBounds(profile.tokens_per_block, host)


def edited(plan: Plan, edit: EditNode | EditServer, bounds: ServerBounds = NO_BOUNDS) -> Plan:
    """The plan with one edit made. Raises `UsageError` for what cannot be set."""
    try:
        if isinstance(edit, EditNode):
            return edit_node(plan, edit)
        changed = edit_server(plan, edit.key, edit.value)
        require_sense(changed, bounds)
        return changed
    except InvalidSetting as error:
        raise UsageError(str(error), remedy=error.remedy) from error


def plan_from_anywhere(path: Path) -> Plan:
    """The plan in a file, with its reuse times named absolutely. Raises `UsageError`."""
    return with_reuse_times_placed(plan_of(path), path.parent)


def with_reuse_times_placed(plan: Plan, directory: Path) -> Plan:
    """The plan, whose reuse times are named relative to `directory`, with their absolute path: a
    draft lies in no directory."""
    if plan.reuse_times is None:
        return plan
    return replace(plan, reuse_times=str((directory / plan.reuse_times).absolute()))
