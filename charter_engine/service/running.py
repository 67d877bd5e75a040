"""The open agent: opened, and run on the deployment."""

import asyncio
import logging
from functools import partial
from pathlib import Path

from charter_engine.api.agents import OpenedAgent, unread_agent
from charter_engine.api.drafting import default_plan
from charter_engine.contracts.live import RunReport
from charter_engine.contracts.plan import Plan
from charter_engine.errors import CharterError, UsageError
from charter_engine.service import heavy_work
from charter_engine.service.live import take_live
from charter_engine.service.memory import give_back
from charter_engine.service.state import EngineState

log = logging.getLogger(__name__)


class AgentRunner:
    """Opens agents, and starts their runs: the first one by itself where that is wanted."""

    def __init__(self, state: EngineState) -> None:
        self._state = state
        self._run_wanted = state.options.run_at_start and not state.options.read_only

    async def open(self, path: Path, inputs: Path | None) -> None:
        """Compile an agent and show it. Raises `CharterError` while a run is in progress, and for
        an agent without calls where another is open, which then stays."""
        state = self._state
        state.require_no_run()
        if inputs is None and state.agent is not None and path == state.agent.path:
            inputs = state.agent.inputs_path
        state.compiling = path.name
        state.session.set(phase=state.phase)
        try:
            agent = await self._compiled(path, inputs)
        finally:
            state.compiling = ""
        if state.agent is not None and not agent.usable:
            state.session.set(phase=state.phase)
            raise _not_opened(agent)
        state.agent = agent
        state.source.opened(agent)
        state.as_written = default_plan(agent.compiled)
        state.runs.agent_opened(agent)
        await asyncio.to_thread(
            state.deployment.agent_opened, state.as_written, agent.compiled.calls
        )
        await state.history.agent_opened(state.as_written.identity)
        state.tapping.begin_anew()
        state.session.set(
            agent=str(path),
            compiled=agent.compiled,
            diagnostics=agent.diagnostics,
            notice=state.notice_of(agent),
            source_changed=False,
        )
        calls, errors = len(agent.compiled.calls), len(agent.diagnostics)
        state.hub.event(
            "compile",
            f"{path.name}: {_counted(calls, 'call')}"
            + (f", {_counted(errors, 'diagnostic')}" if errors else ""),
            level="warning" if errors else "info",
        )
        await take_live(state)
        state.session.set(phase=state.phase)
        self.run_if_wanted()
        await asyncio.to_thread(give_back)

    async def _compiled(self, path: Path, inputs: Path | None) -> OpenedAgent:
        """A source that breaks the compiler is the agent's diagnostic, not the engine's end."""
        opening = partial(heavy_work.opened, path, inputs, self._state.options.keeps_text)
        try:
            return await self._state.workers.carry_out(opening)
        except Exception as error:
            log.exception("compiling %s failed", path)
            return unread_agent(path, error)

    def run_if_wanted(self) -> None:
        """The first run begins by itself, as soon as there is something to run and something to run
        it on."""
        state = self._state
        ready = state.sampler.last is not None and state.sampler.last.health == "ready"
        agent = state.agent
        if self._run_wanted and ready and agent is not None and agent.usable and agent.inputs:
            self._run_wanted = False
            try:
                self.start("plan", None)
            except CharterError as refusal:
                state.session.set(notice=f"{refusal.message}; {refusal.remedy}")

    def start(self, variant: str, limit: int | None, repeat: int | None = None) -> None:
        """Begin a run of the open agent, or an earlier one again. Raises `CharterError`."""
        state = self._state
        agent = state.opened()
        sample = state.sampler.last
        health = sample.health if sample else "starting"
        if health != "ready":
            reason = sample.reason if sample else "it was just started"
            raise CharterError(
                f"{state.deployment.called} is {health}: {reason}",
                remedy="wait until it is ready",
                kind="unreachable",
            )
        state.require_no_benchmark()
        plan = state.draft.live.plan
        if repeat is not None:
            again, plan = state.history.plan_of(repeat)
            variant = "baseline" if again.variant == "baseline" else _variant(plan, state)
        state.runs.start(
            agent,
            plan,
            state.deployment,
            variant=variant,
            revision=state.draft.live.revision,
            limit=limit,
            on_begin=state.history.begun,
            choose_order=lambda plan: state.predicting.order(agent, plan, state.pool),
            on_end=self._ended,
        )
        state.session.set(phase=state.phase, notice=state.notice_of(agent))

    async def _ended(self, report: RunReport) -> None:
        state = self._state
        state.session.set(phase=state.phase)
        await state.predicting.calibrate(report.requests)
        # What the run left in the cache changes what the next one does, whatever was fitted.
        state.draft.profile_changed(state.deployment.profile)
        await state.history.ended(report)
        await asyncio.to_thread(give_back)


def _not_opened(agent: OpenedAgent) -> UsageError:
    first = agent.diagnostics[0] if agent.diagnostics else None
    place = f"{first.path}:{first.line}" if first and first.line else str(agent.path)
    reason = first.message if first else "no LLM calls were found in it"
    return UsageError(f"{place}: {reason}", remedy="the agent that was open stays open")


def _variant(plan: Plan, state: EngineState) -> str:
    """A run under the live plan is one of the live revision; under another, of none."""
    return "plan" if plan == state.draft.live.plan else "repeat"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
