"""Predictions and plans for the open agent on the live deployment."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from charter_engine.api.agents import OpenedAgent
from charter_engine.api.live_server import LiveServer
from charter_engine.api.progress import Report
from charter_engine.api.waves import AS_GIVEN, ChosenOrder, PredictedOrder, predicted_order
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.live import KvPool, RequestRecord
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.planning import PlanRequest, PlanResult
from charter_engine.contracts.prediction import Prediction
from charter_engine.contracts.sweeping import SettingSweep
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.errors import UsageError
from charter_engine.service.heap import work_apart


class Predicting:
    """What a run of the open agent's inputs would do under a plan, and which plan is best.

    `latency` is what was fitted to this deployment last; without it times are assumed. What
    computes is imported where it is needed: an engine is up before that.
    """

    def __init__(self, deployment: LiveServer) -> None:
        self._deployment = deployment
        self.latency: LatencyModel | None = None

    async def calibrate(self, measured: Sequence[RequestRecord]) -> bool:
        """Fit the latency model to what was just measured; whether there was enough to fit it
        to."""
        from charter_engine.api.calibrating import fitted

        calibration = await asyncio.to_thread(fitted, measured)
        if calibration is not None:
            self.latency = calibration.model
        return calibration is not None

    async def predict(
        self, agent: OpenedAgent, plan: Plan, pool: KvPool | None
    ) -> Prediction | None:
        """In the order in which its items would be sent. None where the inputs do not fill the
        prompts, or the pool cannot be had."""
        predicted = await self._predicted_order(agent, plan, pool)
        return None if predicted is None else predicted.prediction

    async def order(self, agent: OpenedAgent, plan: Plan, pool: KvPool | None) -> ChosenOrder:
        """The order in which the items of a run are sent; as they are given where that cannot be
        predicted."""
        predicted = await self._predicted_order(agent, plan, pool) if pool is not None else None
        return AS_GIVEN if predicted is None else predicted.chosen

    async def _predicted_order(
        self, agent: OpenedAgent, plan: Plan, pool: KvPool | None
    ) -> PredictedOrder | None:
        if not agent.usable or not agent.inputs:
            return None
        from charter_engine.api.live_planning import live_server
        from charter_engine.api.tokenizers import open_tokenizer

        try:
            server = live_server(agent, pool, self._deployment.profile)
            return await work_apart(
                predicted_order,
                agent.compiled.calls,
                agent.inputs,
                plan,
                server.pool_under(plan.server),
                open_tokenizer(self._tokenizer_path).encode,
                at_once=self._deployment.items_at_once,
                latency=self.latency,
                chunk_tokens=server.chunk_tokens,
            )
        except ValueError:
            return None

    async def sweep(
        self, agent: OpenedAgent, plan: Plan, key: str, pool: KvPool | None
    ) -> SettingSweep:
        """Runs under several values of one setting of a plan. Raises `UsageError`, also where the
        inputs do not fill the prompts."""
        from charter_engine.api.live_planning import live_server
        from charter_engine.api.setting_sweep import sweep_setting

        if not agent.usable or not agent.inputs:
            raise UsageError(
                "a run is predicted over inputs, and there are none",
                remedy="give the agent inputs",
            )
        return await work_apart(
            sweep_setting,
            agent,
            plan,
            key,
            live_server(agent, pool, self._deployment.profile),
            at_once=self._deployment.items_at_once,
            tokenizer=self._tokenizer_path,
            latency=self.latency,
        )

    async def expected_reuse(self, agent: OpenedAgent, tokens_per_block: int) -> CompiledFile:
        """The agent's opportunities with the hit rates to expect of them on its inputs, or why
        there are none."""
        if not agent.compiled.opportunities:
            return agent.compiled
        from charter_engine.api.agent_runs import expected_reuse

        return await work_apart(expected_reuse, agent, tokens_per_block, self._tokenizer_path)

    def plan(
        self,
        agent: OpenedAgent | None,
        request: PlanRequest,
        pool: KvPool | None,
        passed: Sequence[TrafficRecord] | None,
        report: Report,
    ) -> PlanResult:
        """Charter's own plan for what is asked, on the deployment as it is, and on what `passed`
        where that is the workload. Blocks. Raises `CharterError`."""
        from charter_engine.api.live_planning import on_deployment
        from charter_engine.api.planning import plan
        from charter_engine.api.recent_traffic import as_workload

        asked = on_deployment(request, agent, pool, self._deployment.profile)
        timed = replace(
            asked,
            latency=request.latency or self.latency,
            tokenizer=request.tokenizer or str(self._tokenizer_path),
            at_once=self._deployment.items_at_once,
        )
        return plan(timed, agent, report, None if passed is None else as_workload(passed))

    @property
    def _tokenizer_path(self) -> Path:
        from charter_engine.api.live_planning import tokenizer_of

        return self._deployment.tokenizer_path or tokenizer_of(self._deployment.profile)
