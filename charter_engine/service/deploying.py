"""Push, rollback and whatever else changes the deployment, and what others push."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec.structs import replace

from charter_engine.api import doctor
from charter_engine.api.deploying import rules_of
from charter_engine.api.drafting import diff_plans
from charter_engine.api.previewing import LayoutSubject
from charter_engine.api.rolling import OpenChange
from charter_engine.api.runs import cost_verdict
from charter_engine.api.trials import LiveTrial, checked_share, for_traffic, trial_note
from charter_engine.api.watching import WatchedPush
from charter_engine.contracts import commands
from charter_engine.contracts.advice import DoctorReport
from charter_engine.contracts.commands import (
    Adopt,
    Push,
    PutBack,
    Rollback,
    SetShare,
    TryDraft,
    Uninstall,
)
from charter_engine.contracts.costs import Verdict
from charter_engine.contracts.deploy import PushReport, Revision, WatchReport
from charter_engine.contracts.gauges import DeployKind, EventKind
from charter_engine.contracts.layout_preview import LayoutPreview
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.trial import TrialReport
from charter_engine.errors import CharterError, UsageError
from charter_engine.service.hub import Level
from charter_engine.service.live import take_live, take_live_if_changed
from charter_engine.service.state import EngineState

KEEP_THE_CACHE = (None, "request", "plan reload")
"""The costs of a push behind which the server still knows what it computed."""
DeployCommand = Push | TryDraft | Rollback | SetShare | PutBack | Adopt | Uninstall
Work = Callable[[], Awaitable[PushReport]]
DRAFT = Path("draft")
"""What a refusal names in place of a plan file."""
PHASES: dict[DeployKind, str] = {
    "push": "pushing",
    "rollback": "rolling back",
    "trial": "pushing",
    "put back": "putting back",
    "adopt": "adopting",
    "uninstall": "uninstalling",
}


async def deploy(state: EngineState, command: DeployCommand) -> PushReport:
    """Change what is live as a command asks, decided on what is live. Raises `CharterError`."""
    await take_live_if_changed(state)
    state.draft.require_current(command.base_revision)
    if isinstance(command, Push):
        return await _push(state, command, _drafted(state))
    if isinstance(command, TryDraft):
        return await _try(state, command, _drafted(state))
    return await _deploy(state, *_asked(state, command))


async def _on_all(state: EngineState, change: OpenChange, base: int) -> PushReport:
    """A change of the deployment that was decided on a revision, carried through all servers.
    Raises `CharterError`."""
    if state.fleet.is_several:
        return await state.fleet.changed(change)
    return await change.carry(state.deployment.revisions, base)


def _asked(
    state: EngineState, command: Rollback | SetShare | PutBack | Adopt | Uninstall
) -> tuple[DeployKind, Work]:
    """What is asked of the deployment itself, whatever is drafted."""
    kind, change = _change_of(command)
    return kind, lambda: _on_all(state, change, command.base_revision)


def _change_of(
    command: Rollback | SetShare | PutBack | Adopt | Uninstall,
) -> tuple[DeployKind, OpenChange]:
    match command:
        case Rollback(revision=revision):
            return "rollback", OpenChange(
                lambda each, live: each.rollback(revision, base_revision=live), goal=revision
            )
        case SetShare(share=share, note=note):
            why = note or trial_note(checked_share(share))
            return "trial", OpenChange(
                lambda each, live: each.set_share(share, base_revision=live, note=why)
            )
        case PutBack():
            return "put back", OpenChange(lambda each, _: each.put_back(), has_way_back=False)
        case Adopt(note=note):
            return "adopt", OpenChange(lambda each, _: each.adopt(note), has_way_back=False)
        case Uninstall(force=force):
            return "uninstall", OpenChange(
                lambda each, _: each.uninstall(force=force), has_way_back=False
            )


async def diagnosis(state: EngineState) -> DoctorReport:
    """What is wrong with the deployment and with this machine; what cannot be asked is told as
    unknown."""
    machine = await asyncio.to_thread(doctor.installation)
    try:
        passed = await state.passed.since()
        served = await state.deployment.diagnosis(passed.records, state.pool)
    except CharterError as error:
        return replace(machine, unknown=(f"the deployment: {error.message}",))
    return doctor.with_installation(served, machine)


async def preview_layouts(state: EngineState) -> LayoutPreview:
    """What the draft's layouts for traffic would do. Raises `CharterError`."""
    agent, plan = state.opened(), state.draft.draft.plan or state.draft.live.plan
    subject = LayoutSubject(plan, agent.compiled.calls, agent.inputs)
    return await state.deployment.preview(subject, state.pool)


async def stop_trial(state: EngineState, trial: LiveTrial, report: TrialReport) -> None:
    """Lay out nobody's prompts any more, since the treated sessions fare worse. Raises
    `CharterError`."""
    await _deploy(state, "trial", lambda: trial.stop(report))
    state.hub.event("push", f"trial stopped: {report.stop}", level="warning")


def revisions(state: EngineState) -> tuple[Revision, ...]:
    """All revisions on record, oldest first."""
    if not state.deployment.started:
        return ()
    return tuple(state.deployment.revisions.history())


def opened_revision(state: EngineState, number: int) -> commands.RevisionDetail:
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
    return commands.RevisionDetail(
        revision=shown,
        diff=diff_plans(parent_plan, shown.plan, profile, shown.parent or 0),
        back=diff_plans(live.served, shown.plan, profile, live.revision),
        files=state.deployment.changed_files(number),
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


def _drafted(state: EngineState) -> Plan:
    plan = state.draft.draft.plan
    if plan is None:
        raise UsageError("there is nothing to push", remedy="edit the plan first")
    return plan


async def _try(state: EngineState, command: TryDraft, plan: Plan) -> PushReport:
    share = checked_share(command.share)
    note = command.note or trial_note(share)
    pushed = Push(base_revision=command.base_revision, note=note)
    return await _push(state, pushed, for_traffic(plan, share, "the draft"), "trial")


async def _push(
    state: EngineState, command: Push, plan: Plan, kind: DeployKind = "push"
) -> PushReport:
    """Make a plan live. Where it is to be watched, that goes on behind."""
    calls = state.opened().compiled.calls
    reuse_times = await asyncio.to_thread(rules_of, plan, DRAFT)
    watched = None
    if command.watch is not None:
        deployers = [one.deployer for one in state.fleet.deployments]
        watched = await WatchedPush.about_to(deployers, command.watch)
    change = OpenChange(
        lambda each, live: each.push(
            plan,
            calls,
            reuse_times=reuse_times,
            base_revision=live,
            note=command.note,
            force=command.force,
        )
    )
    report = await _deploy(state, kind, lambda: _on_all(state, change, command.base_revision))
    if watched is not None and watched.begin():
        await _watch(state, watched, report)
    return report


async def _watch(state: EngineState, watched: WatchedPush, pushed: PushReport) -> None:
    async def take_back(told: WatchReport) -> PushReport:
        async with state.writing:
            return await _carried_out(
                state, "rollback", lambda: watched.taken_back(told), "warning"
            )

    await state.push_watch.start(watched, pushed.revision, take_back)


async def _deploy(state: EngineState, kind: DeployKind, work: Work) -> PushReport:
    """Carry something out, unless a run or a benchmark is in progress. Raises `CharterError`."""
    state.require_no_run()
    state.require_no_benchmark()
    return await _carried_out(state, kind, work)


async def _carried_out(
    state: EngineState,
    kind: DeployKind,
    work: Work,
    level: Level = "info",
) -> PushReport:
    """Carry something out, and tell of it as it goes on and as it ends. Raises `CharterError`."""
    event: EventKind = "rollback" if kind == "rollback" else "push"
    state.session.set(phase=PHASES[kind])
    state.deploying.begin(kind)
    try:
        report = await work()
        state.runs.reset()
        if report.diff.cost not in KEEP_THE_CACHE:
            state.contents.emptied(state.hub.now())
            if state.deployment.is_embedded:
                state.runs.cache_emptied()
    except CharterError as error:
        state.deploying.failed(error)
        state.hub.event(event, str(error), level="error")
        raise
    finally:
        await _after_deploy(state)
    state.deploying.done(report)
    cost = f" ({report.diff.cost})" if report.diff.cost else ""
    told = f"{report.message}{cost}, {report.elapsed_ms / 1000:.1f} s"
    state.hub.event(event, told, level=level)
    return report


async def _after_deploy(state: EngineState) -> None:
    """Whatever came of it: what is live is read from the deployment."""
    try:
        profile = await state.deployment.probe()
        state.session.set(profile=profile, server=state.deployment.described)
        await state.gateway.open()
    except CharterError as error:
        state.hub.event("triton", str(error), level="error")
    await take_live(state)
    await state.drift.look_now()
    state.session.set(phase=state.phase)
    await state.store.revisions(revisions(state))
