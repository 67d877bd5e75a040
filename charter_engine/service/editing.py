"""Edits of the draft: by hand, from a file, or as Charter proposes."""

import asyncio
from pathlib import Path

from charter_engine.api.deploying import plan_for
from charter_engine.api.drafting import ServerBounds, bounds_of, edited, plan_from_anywhere
from charter_engine.contracts import commands
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.planning import PlanRequest
from charter_engine.errors import UsageError
from charter_engine.service.live import take_live_if_changed
from charter_engine.service.state import EngineState
from charter_engine.service.working import as_proposed, find_plan

Edit = (
    commands.EditNode
    | commands.EditServer
    | commands.ProposePlan
    | commands.LoadPlan
    | commands.DraftFoundPlan
    | commands.DiscardDraft
    | commands.UndoEdit
    | commands.RedoEdit
)


async def edit(state: EngineState, command: Edit) -> None:
    """Carry out an edit of the draft. Raises `CharterError`."""
    state.opened()
    if not state.writing.locked():
        await take_live_if_changed(state)
    match command:
        case commands.EditNode() | commands.EditServer():
            bounds = _bounds(state)
            state.draft.edit(command.base_revision, lambda plan: edited(plan, command, bounds))
        case commands.LoadPlan(path=path):
            loaded = await asyncio.to_thread(plan_from_anywhere, Path(path))
            _replace(state, command.base_revision, plan_for(state.opened(), loaded, path))
        case commands.ProposePlan(request=request):
            await _propose(state, command.base_revision, request)
        case commands.DraftFoundPlan():
            _replace(state, command.base_revision, _found(state))
        case commands.DiscardDraft():
            state.draft.discard()
        case commands.UndoEdit():
            state.draft.undo()
        case commands.RedoEdit():
            state.draft.redo()
    state.hub.event("edit", _in_words(state))


def check(state: EngineState, command: commands.CheckSetting) -> None:
    """Raises `UsageError` for a value that an edit of the draft would refuse."""
    state.opened()
    revision = state.draft.live.revision
    edit = commands.EditServer(key=command.key, value=command.value, base_revision=revision)
    edited(state.draft.draft.plan or state.draft.live.plan, edit, _bounds(state))


def _bounds(state: EngineState) -> ServerBounds:
    is_here = state.deployment.serving_process is not None
    return bounds_of(state.draft.profile, is_here=is_here)


def _replace(state: EngineState, base_revision: int, plan: Plan) -> None:
    state.draft.edit(base_revision, lambda _: plan)


async def _propose(state: EngineState, base_revision: int, request: PlanRequest) -> None:
    state.draft.require_current(base_revision)
    request = await as_proposed(state, request)
    told = request.workload or request.inputs_file or request.from_traffic_s is not None
    if not (state.opened().inputs or told):
        raise UsageError(
            "a plan is derived on inputs, and there are none",
            remedy="give the agent inputs, or name a workload",
        )
    state.draft.busy(True)
    try:
        result = await find_plan(state, request)
    finally:
        state.draft.busy(False)
    plan = plan_for(state.opened(), result.derivation.plan, "the proposal")
    _replace(state, base_revision, plan)


def _found(state: EngineState) -> Plan:
    """The plan that was found last, which must be for the open agent."""
    found = state.work.results.plan
    if found is None:
        raise UsageError("no plan was found yet", remedy="plan first")
    return plan_for(state.opened(), found.derivation.plan, "the plan found last")


def _in_words(state: EngineState) -> str:
    diff = state.draft.draft.diff
    count = len(diff.changes) if diff else 0
    changes = "1 change" if count == 1 else f"{count} changes"
    return f"the draft has {changes}" + (f", cost: {diff.cost}" if diff and diff.cost else "")
