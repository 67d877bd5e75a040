"""What lies in the pool of the deployment that the engine works with."""

import asyncio

from charter_engine.contracts.contents import ContentsReport
from charter_engine.service.state import EngineState


async def pool_report(state: EngineState) -> ContentsReport:
    """The pool as it is by what passed. Raises `CharterError` where nobody tells its size."""
    batch = await state.passed.since()
    calls = state.agent.compiled.calls if state.agent is not None else ()
    return await asyncio.to_thread(
        state.contents.report,
        batch.records,
        state.pool,
        state.deployment.profile,
        state.session.value.plan,
        calls,
        state.hub.now(),
        state.measuring.followed,
    )
