"""Push, rollback, and what others push."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from charter_engine.api.deploying import rules_of
from charter_engine.api.drafting import diff_plans
from charter_engine.api.previewing import LayoutSubject, preview
from charter_engine.api.runs import cost_verdict
from charter_engine.api.trials import LiveTrial, checked_share
from charter_engine.contracts import protocol as p
from charter_engine.contracts.costs import Verdict
from charter_engine.contracts.deploy import PushReport, Revision
from charter_engine.contracts.layout_preview import LayoutPreview
from charter_engine.contracts.protocol import EventKind
from charter_engine.contracts.trial import TrialReport
from charter_engine.errors import CharterError, UsageError
from charter_engine.service.live import take_live, take_live_if_changed
from charter_engine.service.state import EngineState

KEEP_THE_CACHE = (None, "request", "plan reload")
"""The costs of a push behind which the server still knows what it computed."""
DRAFT = Path("draft")
"""What a refusal names in place of a plan file."""


async def push(state: EngineState, base_revision: int, note: str) -> PushReport:
    """Make the draft live. Raises `CharterError`."""
    await take_live_if_changed(state)
    state.draft.require_current(base_revision)
    plan = state.draft.draft.plan
    if plan is None:
        raise UsageError("there is nothing to push", remedy="edit the plan first")
    calls = state.opened().compiled.calls
    reuse_times = await asyncio.to_thread(rules_of, plan, DRAFT)
    return await _deploy(
        state,
        "push",
        lambda: state.deployment.deployer.push(
            plan, calls, reuse_times=reuse_times, base_revision=base_revision, note=note
        ),
    )


async def roll_back(state: EngineState, base_revision: int, revision: int | None) -> PushReport:
    """Go back to an earlier revision. Raises `CharterError`."""
    await take_live_if_changed(state)
    state.draft.require_current(base_revision)
    return await _deploy(
        state,
        "rollback",
        lambda: state.deployment.deployer.rollback(revision, base_revision=base_revision),
    )


async def set_share(state: EngineState, base_revision: int, share: float, note: str) -> PushReport:
    """Lay out the traffic of another share of the sessions. Raises `CharterError`."""
    await take_live_if_changed(state)
    state.draft.require_current(base_revision)
    return await _deploy(
        state,
        "push",
        lambda: state.deployment.deployer.set_share(
            checked_share(share), base_revision=base_revision, note=note
        ),
    )


async def preview_layouts(state: EngineState) -> LayoutPreview:
    """What the draft's layouts for traffic would do. Raises `CharterError`."""
    agent, plan = state.opened(), state.draft.draft.plan or state.draft.live.plan
    subject = LayoutSubject(plan, agent.compiled.calls, agent.inputs)
    return await preview(subject, state.deployment.deployer)


async def stop_trial(state: EngineState, trial: LiveTrial, report: TrialReport) -> None:
    """Lay out nobody's prompts any more, since the treated sessions fare worse. Raises
    `CharterError`."""
    await _deploy(state, "push", lambda: trial.stop(report))
    state.hub.event("push", f"trial stopped: {report.stop}", level="warning")


def revisions(state: EngineState) -> tuple[Revision, ...]:
    """All revisions on record, oldest first."""
    if not state.deployment.started:
        return ()
    return tuple(state.deployment.deployer.history())


def opened_revision(state: EngineState, number: int) -> p.RevisionDetail:
    """A revision with what it changed, and what the runs before and after it cost. Raises
    `UsageError`."""
    known = {item.number: item for item in revisions(state)}
    shown = known.get(number)
    if shown is None:
        raise UsageError(f"there is no revision {number}", remedy="look at the history again")
    parent = known.get(shown.parent or 0)
    parent_plan = parent.plan if parent else state.as_written
    profile, live = state.draft.profile, state.draft.live
    before, after = state.history.last_of(shown.parent or 0), state.history.last_of(number)
    return p.RevisionDetail(
        revision=shown,
        diff=diff_plans(parent_plan, shown.plan, profile, shown.parent or 0),
        back=diff_plans(live.served, shown.plan, profile, live.revision),
        before=before,
        after=after,
        verdict=cost_verdict(before.cost, after.cost) if before and after else Verdict(),
    )


async def look_for_pushes(state: EngineState) -> None:
    """What others pushed is shown within a sample, and what they changed otherwise soon after."""
    await state.drift.look()
    if state.writing.locked() or not await take_live_if_changed(state):
        return
    revision = state.draft.live.revision
    state.hub.event("push", f"revision {revision} was made live from elsewhere")
    await _after_deploy(state)


async def _deploy(
    state: EngineState, kind: EventKind, work: Callable[[], Awaitable[PushReport]]
) -> PushReport:
    state.require_no_run()
    state.require_no_benchmark()
    state.session.set(phase="pushing" if kind == "push" else "rolling back")
    try:
        report = await work()
        state.runs.reset()
        if state.deployment.is_embedded and report.diff.cost not in KEEP_THE_CACHE:
            state.runs.cache_emptied()
    except CharterError as error:
        state.hub.event(kind, str(error), level="error")
        raise
    finally:
        await _after_deploy(state)
    cost = f" ({report.diff.cost})" if report.diff.cost else ""
    state.hub.event(kind, f"{report.message}{cost}, {report.elapsed_ms / 1000:.1f} s")
    return report


async def _after_deploy(state: EngineState) -> None:
    """Whatever came of it: what is live is read from the deployment."""
    try:
        state.session.set(profile=await state.deployment.probe())
        await state.gateway.open()
    except CharterError as error:
        state.hub.event("triton", str(error), level="error")
    await take_live(state)
    state.session.set(phase=state.phase)
    await state.store.revisions(revisions(state))
