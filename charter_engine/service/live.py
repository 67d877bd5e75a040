"""What is live: always read from the deployment, never remembered."""

from charter_engine.api.drafting import live_plan
from charter_engine.contracts.deploy import Revision
from charter_engine.errors import CharterError
from charter_engine.service.state import EngineState


async def take_live(state: EngineState) -> None:
    """Show the plan that is live for the open agent: as pushed, or as the agent is written."""
    if state.agent is None:
        return
    state.reuse_estimates.update(state.agent, state.pool)
    if not await take_live_if_changed(state):
        state.draft.profile_changed(state.deployment.profile)


async def take_live_if_changed(state: EngineState) -> bool:
    """Whether the deployment has another plan live than was known; then the draft is gone."""
    if state.agent is None:
        return False
    own = state.as_written
    live = live_plan(await _live_revision(state), own)
    if (live, own.identity) == (state.draft.live, state.draft.identity):
        return False
    state.draft.reset(live, own.identity, state.deployment.profile)
    state.session.set(plan=live.plan, revision=live.revision, predicted=None)
    state.history.show()
    return True


async def _live_revision(state: EngineState) -> Revision | None:
    """While the deployment does not answer, the revision as it is on record here."""
    if not state.deployment.started:
        return None
    revisions = state.deployment.revisions
    try:
        return await revisions.live()
    except CharterError:
        return revisions.recorded()
