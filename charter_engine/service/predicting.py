"""Predictions and plans for the open agent on the live deployment."""

import asyncio
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Final

from charter_engine.api.agents import OpenedAgent
from charter_engine.api.live_server import LiveServer
from charter_engine.api.progress import Report
from charter_engine.api.waves import AS_GIVEN, ChosenOrder, PredictedOrder
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.live import KvPool, RequestRecord
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.planning import PlanRequest, PlanResult
from charter_engine.contracts.sweeping import SettingSweep
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.errors import UsageError
from charter_engine.service import heavy_work
from charter_engine.service.heavy_work import AsDeployed
from charter_engine.service.workers import WorkerPool

MOST_MEASURED: Final = 2_000
"""Requests of the latest runs that times are fitted to."""


class Predicting:
    """What a run of the open agent's inputs would do under a plan, and which plan is best.

    `latency` is what was fitted to this deployment last; without it times are assumed.
    """

    def __init__(self, deployment: LiveServer, workers: WorkerPool) -> None:
        self._deployment = deployment
        self._workers = workers
        self._measured: deque[RequestRecord] = deque(maxlen=MOST_MEASURED)
        self.latency: LatencyModel | None = None

    async def calibrate(self, measured: Sequence[RequestRecord]) -> bool:
        """Fit the latency model to what was just measured, with what was before; whether there was
        enough to fit it to.

        One run alone may tell too little: where all was reused, nothing of computing prompts, and
        where prompts are short, nothing of decoding behind long ones, which a plan may bring.
        """
        from charter_engine.api.calibrating import fitted

        self._measured += measured
        calibration = await asyncio.to_thread(fitted, tuple(self._measured))
        if calibration is not None:
            self.latency = calibration.model
        return calibration is not None

    async def predict(
        self,
        agent: OpenedAgent,
        plan: Plan,
        pool: KvPool | None,
        earlier: Sequence[Plan] = (),
    ) -> PredictedOrder | None:
        """A run on an empty cache and, behind runs under the plans `earlier`, on what they left in
        it. None where the inputs do not fill the prompts, or the pool cannot be had."""
        if not agent.usable or not agent.inputs:
            return None
        deployment = self._as_deployed(pool)
        ordering = partial(heavy_work.predicted_order, agent, plan, deployment, tuple(earlier))
        return await self._workers.carry_out(ordering)

    async def order(self, agent: OpenedAgent, plan: Plan, pool: KvPool | None) -> ChosenOrder:
        """The order in which the items of a run are sent; as they are given where that cannot be
        predicted."""
        predicted = await self.predict(agent, plan, pool) if pool is not None else None
        return AS_GIVEN if predicted is None else predicted.chosen

    async def sweep(
        self, agent: OpenedAgent, plan: Plan, key: str, pool: KvPool | None
    ) -> SettingSweep:
        """Runs under several values of one setting of a plan. Raises `UsageError`, also where the
        inputs do not fill the prompts."""
        if not agent.usable or not agent.inputs:
            raise UsageError(
                "a run is predicted over inputs, and there are none",
                remedy="give the agent inputs",
            )
        sweeping = partial(heavy_work.swept, agent, plan, key, self._as_deployed(pool))
        return await self._workers.carry_out(sweeping)

    async def expected_reuse(self, agent: OpenedAgent, tokens_per_block: int) -> CompiledFile:
        """The agent's opportunities with the hit rates to expect of them on its inputs, or why
        there are none."""
        if not agent.compiled.opportunities:
            return agent.compiled
        deployment = self._as_deployed(None)
        return await self._workers.carry_out(
            partial(heavy_work.expected_reuse, agent, tokens_per_block, deployment)
        )

    async def plan(
        self,
        agent: OpenedAgent | None,
        request: PlanRequest,
        pool: KvPool | None,
        passed: Sequence[TrafficRecord] | None,
        report: Report,
    ) -> PlanResult:
        """Charter's own plan for what is asked, on the deployment as it is, and on what `passed`
        where that is the workload. Raises `CharterError`."""
        planning = partial(heavy_work.planned, agent, request, self._as_deployed(pool), passed)
        return await self._workers.carry_out(planning, report)

    def _as_deployed(self, pool: KvPool | None) -> AsDeployed:
        deployment = self._deployment
        return AsDeployed(
            pool,
            deployment.profile,
            deployment.tokenizer_path,
            deployment.items_at_once,
            self.latency,
        )
