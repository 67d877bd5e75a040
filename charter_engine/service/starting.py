"""How the engine comes up: the agent, Triton, and what is known of it once it is ready."""

import asyncio
import logging

from charter_engine.contracts.live import TritonSample
from charter_engine.errors import CharterError
from charter_engine.service.deploying import look_for_pushes, stop_trial
from charter_engine.service.hub import Level
from charter_engine.service.live import take_live
from charter_engine.service.running import AgentRunner
from charter_engine.service.state import EngineState

log = logging.getLogger(__name__)


async def start_everything(state: EngineState, runner: AgentRunner) -> None:
    """Open the agent and start Triton. What fails is told; nothing is raised."""
    try:
        await _start(state, runner)
    except Exception as error:
        log.exception("starting failed")
        told = f"{type(error).__name__}: {error}"
        state.session.set(phase="starting failed", notice=told)
        state.hub.event("engine", f"starting failed: {told}", level="error")


async def _start(state: EngineState, runner: AgentRunner) -> None:
    options = state.options
    if options.database is not None:
        agent = str(options.agent or "")
        await state.store.open(options.database, agent, state.deployment.address)
        state.deployment.numbered_behind(await state.store.last_revision())
    opening = asyncio.create_task(_open_first(state, runner))
    state.source.start()
    state.series.start()
    state.marks.start()
    state.sampler.start(
        lambda sample: _health_changed(state, runner, sample), lambda: look_for_pushes(state)
    )
    try:
        state.session.set(phase=state.phase)
        await state.deployment.start()
        await opening
        await state.sampler.sample_triton()
        state.tapping.start(state.sampler.sampled)
        state.measuring.start()
        state.fleet.start()
        if options.canary_seconds is not None:
            await state.canary.start(options.canary_seconds)
        state.trying.start(lambda trial, report: stop_trial(state, trial, report))
    except CharterError as error:
        await opening
        state.session.set(phase=f"{state.deployment.called} did not start", notice=str(error))
        state.hub.event("triton", str(error), level="error")


async def _open_first(state: EngineState, runner: AgentRunner) -> None:
    if state.options.agent is not None:
        await runner.open(state.options.agent, state.options.inputs)
    else:
        state.session.set(notice="no agent is open")


async def _health_changed(state: EngineState, runner: AgentRunner, sample: TritonSample) -> None:
    level: Level = "info" if sample.health in ("ready", "starting") else "error"
    reason = f": {sample.reason}" if sample.reason else ""
    state.hub.event("triton", f"{sample.called} is {sample.health}{reason}", level=level)
    if sample.health == "ready":
        try:
            profile = await state.deployment.probe()
        except CharterError as error:
            told = f"cannot tell what {sample.called} offers: {error}"
            state.hub.event("triton", told, level="warning")
            return
        state.session.set(profile=profile, server=state.deployment.described)
        if state.deployment.is_embedded:
            state.runs.cache_emptied()
        state.measuring.start()
        await state.gateway.open()
        await take_live(state)
    state.session.set(phase=state.phase)
    runner.run_if_wanted()
