"""Predictions and plans for the open agent, computed off the event loop."""

import asyncio
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from charter_engine.api.agents import OpenedAgent
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.live import KvPool, RequestRecord
from charter_engine.contracts.plan import Plan, Policy
from charter_engine.contracts.planning import PlanRequest
from charter_engine.contracts.prediction import Prediction
from charter_engine.errors import UsageError
from charter_engine.prompts.assembly import MissingInput
from charter_engine.servers.deployment import Deployment

if TYPE_CHECKING:
    from charter_engine.plan.pool import CurrentServer

POLICIES: tuple[Policy, ...] = get_args(Policy)
"""From the plainest to the one that needs most: each is searched with those before it."""


class Predicting:
    """What a run of the open agent's inputs would do under a plan, and which plan is best."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._latency: LatencyModel | None = None

    async def calibrate(self, measured: Sequence[RequestRecord]) -> bool:
        """Fit the latency model to what was just measured; whether there was enough to fit it
        to."""
        from charter_engine.kvcache.predict.latency_fit import NotEnoughMeasured, calibrate

        try:
            self._latency = (await asyncio.to_thread(calibrate, measured)).model
        except NotEnoughMeasured:
            return False
        return True

    async def predict(
        self, agent: OpenedAgent, plan: Plan, pool: KvPool | None
    ) -> Prediction | None:
        """None where the inputs do not fill the prompts, or the pool cannot be had."""
        if not agent.usable or not agent.inputs:
            return None
        from charter_engine.api.agent_runs import predict_run

        try:
            return await asyncio.to_thread(
                predict_run,
                agent,
                plan,
                self._server(agent, pool),
                at_once=self._deployment.items_at_once,
                tokenizer=self._tokenizer_path,
                latency=self._latency,
            )
        except (MissingInput, ValueError):
            return None

    async def expected_reuse(self, agent: OpenedAgent, tokens_per_block: int) -> CompiledFile:
        """The agent's opportunities with the hit rates to expect of them on its inputs, or why
        there are none."""
        if not agent.compiled.opportunities:
            return agent.compiled
        from charter_engine.api.agent_runs import expected_reuse

        return await asyncio.to_thread(
            expected_reuse, agent, tokens_per_block, self._tokenizer_path
        )

    async def propose(self, agent: OpenedAgent, policy: str, pool: KvPool | None) -> Plan:
        """Charter's own plan for the agent, of policies up to `policy`. Raises `CharterError` where
        it cannot be derived."""
        if not agent.inputs:
            raise UsageError(
                "a plan is derived on inputs, and there are none", remedy="give the agent inputs"
            )
        if policy not in POLICIES:
            raise UsageError(f"{policy!r} is no policy; they are {', '.join(POLICIES)}")
        from charter_engine.api.planning import plan

        request = plan_request(
            agent,
            pool,
            policies=POLICIES[: POLICIES.index(policy) + 1],
            profile=self._deployment.profile,
            latency=self._latency,
            tokenizer=self._tokenizer_path,
        )
        return (await asyncio.to_thread(plan, request, agent)).derivation.plan

    def _server(self, agent: OpenedAgent, pool: KvPool | None) -> "CurrentServer":
        from charter_engine.api.plan_sources import current_server

        return current_server(plan_request(agent, pool), None)

    @cached_property
    def _tokenizer_path(self) -> Path:
        from charter_engine.embedded.engine.tokenizer import tokenizer_path

        named = (
            Path(self._deployment.profile.parameters.get("tokenizer_dir") or "/nonexistent")
            / "tokenizer.json"
        )
        return named if named.is_file() else tokenizer_path()


def plan_request(
    agent: OpenedAgent,
    pool: KvPool | None,
    *,
    policies: tuple[Policy, ...] = POLICIES,
    profile: Profile | None = None,
    latency: LatencyModel | None = None,
    tokenizer: Path | None = None,
) -> PlanRequest:
    """The request for the open agent on the deployment as its gauges show it.

    Policies are the preset's unless some are left out; a profile that was not probed yet says
    nothing.
    """
    measured = pool if pool and pool.max_blocks > 0 and pool.tokens_per_block > 0 else None
    bytes_per_block = measured.bytes_per_block if measured else None
    return PlanRequest(
        agent=str(agent.path),
        inputs_file=str(agent.inputs_path or ""),
        tokenizer=str(tokenizer or ""),
        policies=None if policies == POLICIES else policies,
        profile=profile if profile is not None and profile.path != "none" else None,
        tokens_per_block=measured.tokens_per_block if measured else None,
        pool_tokens=measured.max_blocks * measured.tokens_per_block if measured else None,
        bytes_per_token=bytes_per_block // measured.tokens_per_block
        if measured and bytes_per_block
        else None,
        latency=latency,
    )


def tokens_per_block_of(pool: KvPool | None) -> int:
    """The block size that Triton's metrics page tells, else the assumed one."""
    from charter_engine.plan.pool import DEFAULT_TOKENS_PER_BLOCK

    if pool is None or pool.tokens_per_block < 1:
        return DEFAULT_TOKENS_PER_BLOCK
    return pool.tokens_per_block
