"""What runs of an agent's inputs would do under a plan, and what its opportunities would bring."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from charter_engine.analysis.agent_workload import generate, sending_of
from charter_engine.analysis.expected_reuse import with_expected_reuse
from charter_engine.api.agents import OpenedAgent
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.api.tokenizers import open_tokenizer
from charter_engine.contracts.graph import Call, CompiledFile
from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.contracts.prediction import Prediction, PredictReport
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.errors import UsageError
from charter_engine.executor.head_starts import HEAD_START_SECONDS
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.latency import from_first_principles
from charter_engine.kvcache.predict.predictor import predict, resolve_retention
from charter_engine.kvcache.predict.timeline import Timeline, Timing, UsedCache, unused_cache
from charter_engine.kvcache.workload.columns import as_workload
from charter_engine.plan.agent_inputs import time_among
from charter_engine.plan.pool import CurrentServer
from charter_engine.plan.ranges import retention_record
from charter_engine.prompts.assembly import MissingInput
from charter_engine.prompts.tokens import Encode


def predict_run(
    agent: OpenedAgent,
    plan: Plan,
    deployment: CurrentServer,
    *,
    at_once: int,
    tokenizer: Path | None,
    latency: LatencyModel | None = None,
    in_waves: bool = False,
) -> Prediction:
    """Predict a run of the agent's inputs under a plan, `at_once` of them side by side. Blocks.

    `in_waves` is as for a run. `latency` is what was fitted to this deployment; without it times
    are from first principles and *assumed*. Raises `MissingInput`.
    """
    return predict_calls(
        agent.compiled.calls,
        agent.inputs,
        plan,
        deployment.pool_under(plan.server),
        open_tokenizer(tokenizer).encode,
        at_once=at_once,
        latency=latency,
        in_waves=in_waves,
        chunk_tokens=deployment.chunk_tokens,
    )


class _SentRun(NamedTuple):
    """The requests of a run, and how they are sent."""

    requests: list[WorkloadRequest]
    timing: Timing


def predict_calls(
    calls: Sequence[Call],
    inputs: Sequence[Mapping[str, Any]],
    plan: Plan,
    pool: PoolSettings,
    encode: Encode,
    *,
    at_once: int,
    latency: LatencyModel | None = None,
    in_waves: bool = False,
    chunk_tokens: int | None = None,
    earlier: Sequence[Plan] = (),
) -> Prediction:
    """As `predict_run`, of calls over these inputs, on a pool of these settings. `chunk_tokens` is
    as for `Timing`.

    `earlier` are the plans of runs over the same inputs whose content the pool holds, the latest
    last; without any it is empty. Then there is no bracket, which is that of an empty pool.
    """
    times = latency or from_first_principles()

    def sent(under: Plan, answers: int) -> _SentRun:
        placed = generate(
            calls,
            inputs,
            under,
            encode,
            pace=partial(time_among, times, at_once),
            at_once=at_once,
            head_start_ms=HEAD_START_SECONDS * 1000,
            in_waves=in_waves,
            answers=answers,
        )
        requests = [
            replace(
                item.request,
                retention=retention_record(
                    under.nodes.get(item.request.node, NodePlan()), item.prompt, item.spans
                ),
            )
            for item in placed
        ]
        return _SentRun(
            requests, Timing(sending=sending_of(placed, at_once), chunk_tokens=chunk_tokens)
        )

    # The same prompts are answered alike each time, others in another way.
    before = [
        sent(one, 0 if one.nodes == plan.nodes else number)
        for number, one in enumerate(earlier, start=1)
    ]
    requests, timing = sent(plan, 0)
    cache = _left_by(before, requests, pool, times) if before else None
    return predict(requests, pool, timing=timing, latency=times, cache=cache, bracket=not before)


def _left_by(
    runs: Sequence[_SentRun],
    following: Sequence[WorkloadRequest],
    pool: PoolSettings,
    latency: LatencyModel,
) -> UsedCache:
    """A pool as runs leave it to the requests that follow them."""
    workloads = [as_workload(run.requests) for run in runs]
    cache = unused_cache(pool, (*workloads, as_workload(following)))
    for run, workload in zip(runs, workloads, strict=True):
        retention = resolve_retention(workload, None)
        timeline = Timeline(workload, pool, run.timing, latency, retention, cache=cache)
        timeline.run()
        cache = timeline.left_behind
    return cache


def predict_runs(
    agent: OpenedAgent,
    plans: Sequence[Plan],
    deployment: CurrentServer,
    *,
    at_once: int,
    tokenizer: Path | None = None,
    latency: LatencyModel | None = None,
    report: Report = silent,
) -> PredictReport:
    """Predict a run of the agent's inputs under each of the plans, in their order, as `predict_run`
    does. Blocks. Raises `UsageError`."""
    predictions: list[Prediction] = []
    for plan in plans:
        try:
            predictions.append(
                predict_run(
                    agent, plan, deployment, at_once=at_once, tokenizer=tokenizer, latency=latency
                )
            )
        except MissingInput as missing:
            raise UsageError(str(missing), remedy=missing.remedy) from None
        except ValueError as error:
            raise UsageError(f"{agent.path}: {error}") from error
        report(Progress("predicting settings", len(predictions), len(plans)))
    return PredictReport(
        workload=f"{len(agent.inputs)} inputs of {agent.path}",
        requests=predictions[0].requests,
        prompt_tokens=predictions[0].prompt_tokens,
        timing="timed",
        predictions=tuple(predictions),
    )


def expected_reuse(
    agent: OpenedAgent, tokens_per_block: int, tokenizer: Path | None
) -> CompiledFile:
    """The agent with the hit rate to expect of each opportunity on its inputs, or why there is
    none. Blocks."""
    return with_expected_reuse(
        agent.compiled,
        agent.inputs,
        open_tokenizer(tokenizer).encode,
        tokens_per_block=tokens_per_block,
    )
