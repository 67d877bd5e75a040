"""What the engine has its workers do.

Each function imports what it needs when it is called, which is in a worker.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from charter_engine.api.progress import Report
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.graph import CompiledFile
from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.learning import (
    CalibrateRequest,
    CalibrateResult,
    LearnRequest,
    LearnResult,
)
from charter_engine.contracts.lint import Finding
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.planning import PlanRequest, PlanResult
from charter_engine.contracts.predicting import PredictRequest, PredictResult
from charter_engine.contracts.sweeping import SettingSweep
from charter_engine.contracts.traffic import TrafficRecord

if TYPE_CHECKING:
    from charter_engine.api.agents import OpenedAgent
    from charter_engine.api.waves import PredictedOrder


class AsDeployed(NamedTuple):
    """The deployment that is predicted: its pool, what it can do, its tokenizer (None: what its
    profile names), how many items of a run it gets at once, and the times fitted to it."""

    pool: KvPool | None
    profile: Profile
    tokenizer: Path | None
    at_once: int
    latency: LatencyModel | None

    @property
    def tokenizer_path(self) -> Path:
        from charter_engine.api.live_planning import tokenizer_of

        return self.tokenizer or tokenizer_of(self.profile)


def opened(path: Path, inputs: Path | None, use_cache: bool, _: Report) -> "OpenedAgent":
    """As `api.agents.open_agent`."""
    from charter_engine.api.agents import open_agent

    return open_agent(path, inputs, use_cache=use_cache)


def predicted_order(
    agent: "OpenedAgent", plan: Plan, deployment: AsDeployed, earlier: Sequence[Plan], _: Report
) -> "PredictedOrder | None":
    """As `api.waves.predicted_order`; None where the inputs do not fill the prompts, or the pool
    cannot be had."""
    from charter_engine.api import waves
    from charter_engine.api.live_planning import live_server
    from charter_engine.api.tokenizers import open_tokenizer

    try:
        server = live_server(agent, deployment.pool, deployment.profile)
        return waves.predicted_order(
            agent.compiled.calls,
            agent.inputs,
            plan,
            server.pool_under(plan.server),
            open_tokenizer(deployment.tokenizer_path).encode,
            at_once=deployment.at_once,
            latency=deployment.latency,
            chunk_tokens=server.chunk_tokens,
            earlier=earlier,
        )
    except ValueError:
        return None


def swept(
    agent: "OpenedAgent", plan: Plan, key: str, deployment: AsDeployed, _: Report
) -> SettingSweep:
    """As `api.setting_sweep.sweep_setting`."""
    from charter_engine.api.live_planning import live_server
    from charter_engine.api.setting_sweep import sweep_setting

    return sweep_setting(
        agent,
        plan,
        key,
        live_server(agent, deployment.pool, deployment.profile),
        at_once=deployment.at_once,
        tokenizer=deployment.tokenizer_path,
        latency=deployment.latency,
    )


def expected_reuse(
    agent: "OpenedAgent", tokens_per_block: int, deployment: AsDeployed, _: Report
) -> CompiledFile:
    """As `api.agent_runs.expected_reuse`."""
    from charter_engine.api import agent_runs

    return agent_runs.expected_reuse(agent, tokens_per_block, deployment.tokenizer_path)


def planned(
    agent: "OpenedAgent | None",
    request: PlanRequest,
    deployment: AsDeployed,
    passed: Sequence[TrafficRecord] | None,
    report: Report,
) -> PlanResult:
    """Charter's own plan for what is asked, on the deployment as it is, and on what `passed` where
    that is the workload. Raises `CharterError`."""
    from charter_engine.api.live_planning import on_deployment
    from charter_engine.api.planning import plan
    from charter_engine.api.recent_traffic import as_workload

    timed = replace(
        on_deployment(request, agent, deployment.pool, deployment.profile),
        latency=request.latency or deployment.latency,
        tokenizer=request.tokenizer or str(deployment.tokenizer_path),
        at_once=deployment.at_once,
    )
    return plan(timed, agent, report, None if passed is None else as_workload(passed))


def predicted(request: PredictRequest, report: Report) -> PredictResult:
    """As `api.predicting.predict`."""
    from charter_engine.api.predicting import predict

    return predict(request, report)


def learnt(request: LearnRequest, report: Report) -> LearnResult:
    """As `api.learning.learn`."""
    from charter_engine.api.learning import learn

    return learn(request, report)


def calibrated(request: CalibrateRequest, report: Report) -> CalibrateResult:
    """As `api.calibrating.calibrate`."""
    from charter_engine.api.calibrating import calibrate

    return calibrate(request, report)


def linted(agent: "OpenedAgent", _: Report) -> tuple[Finding, ...]:
    """As `api.linting.lint_agent`."""
    from charter_engine.api.linting import lint_agent

    return lint_agent(agent)
