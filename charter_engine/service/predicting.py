"""Predictions of plans for the open agent, computed off the event loop."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from msgspec.structs import replace

from charter_engine.api.agents import OpenedAgent
from charter_engine.bls.tokenizer import Tokenizer
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.live import KvPool, RequestRecord
from charter_engine.contracts.plan import NodePlan, Plan, Policy, ServerSettings
from charter_engine.contracts.prediction import Prediction
from charter_engine.errors import UsageError
from charter_engine.prompts.assembly import MissingInput
from charter_engine.servers.deployment import Deployment

if TYPE_CHECKING:
    from charter_engine.kvcache.manager.settings import PoolSettings
    from charter_engine.kvcache.predict.latency import LatencyModel

POLICIES: tuple[Policy, ...] = get_args(Policy)
"""From the plainest to the one that needs most: each is searched with those before it."""
ASSUMED_POOL_TOKENS = 65_536
"""Until Triton's metrics page tells the pool."""
ASSUMED_TOKENS_PER_BLOCK = 32


@dataclass(frozen=True)
class Pool:
    """The GPU pool as it is live."""

    tokens: int = ASSUMED_POOL_TOKENS
    tokens_per_block: int = ASSUMED_TOKENS_PER_BLOCK


class Predicting:
    """What a run of the open agent's inputs would do under a plan."""

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
        try:
            return await asyncio.to_thread(
                predict_plan,
                agent,
                plan,
                pool_of(pool),
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
        return await asyncio.to_thread(
            expected_reuse, agent, tokens_per_block, tokenizer=self._tokenizer_path
        )

    async def propose(self, agent: OpenedAgent, policy: str, pool: KvPool | None) -> Plan:
        """Charter's own plan for the agent. Raises `CharterError` where it cannot be derived."""
        if not agent.inputs:
            raise UsageError(
                "a plan is derived on inputs, and there are none", remedy="give the agent inputs"
            )
        try:
            return await asyncio.to_thread(
                propose_plan,
                agent,
                policy,
                pool_of(pool),
                tokenizer=self._tokenizer_path,
                latency=self._latency,
            )
        except (MissingInput, ValueError) as error:
            raise UsageError(f"no plan could be derived: {error}") from error

    @cached_property
    def _tokenizer_path(self) -> Path:
        from charter_engine.embedded.engine.tokenizer import tokenizer_path

        named = (
            Path(self._deployment.profile.parameters.get("tokenizer_dir") or "/nonexistent")
            / "tokenizer.json"
        )
        return named if named.is_file() else tokenizer_path()


def pool_of(pool: KvPool | None) -> Pool:
    """The pool that Triton's metrics page tells, else the assumed one."""
    if pool is None or pool.max_blocks < 1 or pool.tokens_per_block < 1:
        return Pool()
    return Pool(pool.max_blocks * pool.tokens_per_block, pool.tokens_per_block)


def predict_plan(
    agent: OpenedAgent,
    plan: Plan,
    pool: Pool,
    *,
    at_once: int,
    tokenizer: Path,
    latency: "LatencyModel | None" = None,
) -> Prediction:
    """Predict a run of the agent's inputs under a plan, `at_once` of them side by side. Blocks.
    Raises `MissingInput`.

    `latency` is what was fitted to this deployment; without it times are from first principles and
    *assumed*.
    """
    from charter_engine.analysis.agent_workload import generate
    from charter_engine.executor.run import HEAD_START_SECONDS
    from charter_engine.kvcache.predict.latency import from_first_principles
    from charter_engine.kvcache.predict.predictor import predict
    from charter_engine.kvcache.predict.timeline import Timing
    from charter_engine.plan.propose import time_among
    from charter_engine.plan.ranges import retention_record

    times = latency or from_first_principles()
    encode = Tokenizer(tokenizer).encode
    pace = partial(time_among, times, at_once)
    placed = generate(
        agent.compiled.calls,
        agent.inputs,
        plan,
        encode,
        pace=pace,
        at_once=at_once,
        head_start_ms=HEAD_START_SECONDS * 1000,
    )
    requests = [
        replace(
            item.request,
            retention=retention_record(
                plan.nodes.get(item.request.node, NodePlan()), item.prompt, item.spans
            ),
        )
        for item in placed
    ]
    timing = Timing(after=tuple(item.after for item in placed))
    return predict(requests, pool_settings(plan.server, pool), timing=timing, latency=times)


def expected_reuse(agent: OpenedAgent, tokens_per_block: int, *, tokenizer: Path) -> CompiledFile:
    """The agent with its opportunities' expected hit rates. Blocks."""
    from charter_engine.analysis.expected_reuse import with_expected_reuse

    encode = Tokenizer(tokenizer).encode
    return with_expected_reuse(
        agent.compiled, agent.inputs, encode, tokens_per_block=tokens_per_block
    )


def propose_plan(
    agent: OpenedAgent,
    policy: str,
    pool: Pool,
    *,
    tokenizer: Path,
    latency: "LatencyModel | None" = None,
) -> Plan:
    """Search levers and policies up to `policy` for the agent's inputs. Blocks. Raises
    `MissingInput`."""
    from charter_engine.plan.derive import CurrentServer as Place
    from charter_engine.plan.propose import EVERYTHING, propose

    if policy not in POLICIES:
        raise ValueError(f"{policy!r} is no policy; they are {', '.join(POLICIES)}")
    derivation = propose(
        agent.compiled,
        agent.inputs,
        Tokenizer(tokenizer).encode,
        Place(tokens_per_block=pool.tokens_per_block, pool_tokens=pool.tokens),
        latency=latency,
        preset=replace(EVERYTHING, policies=POLICIES[: POLICIES.index(policy) + 1]),
        workload=str(agent.inputs_path or ""),
    )
    return derivation.plan


def pool_settings(server: ServerSettings, pool: Pool) -> "PoolSettings":
    """The pool as the plan's server settings would make it, of what memory there is now."""
    from charter_engine.kvcache.manager.settings import PoolSettings

    size = server.tokens_per_block or pool.tokens_per_block
    tokens = pool.tokens
    if server.max_tokens_in_paged_kv_cache is not None:
        tokens = min(tokens, server.max_tokens_in_paged_kv_cache)
    return PoolSettings(
        gpu_blocks=max(1, math.ceil(tokens / size)),
        tokens_per_block=size,
        reuse=server.enable_kv_cache_reuse is not False,
    )
