"""Predicting: what settings, policies or a plan would do on a workload."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from charter_engine.api.plan_files import plan_of
from charter_engine.api.policies import (
    AskedByPolicy,
    Tried,
    against_default,
    best_of,
    compared,
    retention_by_policy,
    without_unknown_times,
)
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.api.reuse_times_files import reuse_times_of_plan
from charter_engine.api.sweep import SweepPoint, predicted
from charter_engine.api.times import kv_bytes_per_token, latency_of
from charter_engine.api.workloads import load
from charter_engine.bls.retention import ReleaseWhen
from charter_engine.contracts.compiling import TOKENS_PER_BLOCK
from charter_engine.contracts.latency import LatencyModel
from charter_engine.contracts.notes import Note
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.pool import OtherPool
from charter_engine.contracts.predicting import (
    OTHER_POOLS,
    PredictRequest,
    PredictResult,
    SettingValues,
)
from charter_engine.contracts.prediction import Curve, CurvePoint, PredictReport
from charter_engine.errors import UsageError
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.demotions import DemotedPrompt
from charter_engine.kvcache.predict.predictor import (
    Predictor,
    Retain,
    one_a_request,
    plan_retention,
)
from charter_engine.kvcache.predict.simulation import code_is_kept, code_is_possible
from charter_engine.kvcache.predict.timeline import Timing
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.plan.retention.streams import learnt_elsewhere

DEFAULT_GPU_TOKENS = 427_000
"""What an H100 holds beside an 8B model in bf16: *assumed* where nobody says otherwise."""
SLOW_TIMED_TOKENS = 10_000_000
"""Of prompts and answers. From about here on a timed prediction takes many seconds, and soon
minutes, which nobody gets without asking."""
PAID_EVERY = 4
"""Points of a curve from one of which it is told what is paid to the next: each is a prediction of
its own."""


def predict(
    request: PredictRequest, report: Report = silent, latency: LatencyModel | None = None
) -> PredictResult:
    """Predict every setting under every policy, in that order. Blocks.

    `latency` goes before the times that the request names. Raises `UsageError`.
    """
    request = replace(request, policies=against_default(request.policies))
    latency = latency or latency_of(request.model, request.device, request.latency)
    workload, notes = load(request.workload, strict=request.strict, read_as=request.read_as)
    request, left_out = without_unknown_times(request, workload)
    timing = _timing(request, workload, report)
    plan = plan_of(Path(request.plan)) if request.plan else None
    release = request.release or (plan.release if plan else "never")
    by_plan = _asked_by_plan(plan, request.plan, workload)
    points = [
        replace(
            _point(values, request, timing, latency),
            retention=by_plan.retention,
            demotions=by_plan.demotions,
            release=release,
        )
        for values in request.settings
    ]
    others = {name: tuple(_in_pool(name, point) for point in points) for name in request.pools}
    policies = retention_by_policy(workload, request)
    tried: list[Tried] = []
    if request.policies:
        tried, points = _under_policies(points, policies)
    predictor = Predictor(workload)
    _tell_of_compiling(predictor, points, timing, report)
    try:
        predictions = predicted(predictor, points, request.jobs, report, dask=request.dask)
        compared_with = {
            name: predicted(predictor, elsewhere, request.jobs, report, dask=request.dask)
            for name, elsewhere in others.items()
        }
    except ValueError as error:
        raise UsageError(f"{request.workload}: {error}") from error
    if request.policies:
        predictions = best_of(tried, predictions)
    predictions, choices = compared(predictions, request.policies, policies.estimates)
    return PredictResult(
        report=PredictReport(
            workload=request.workload,
            requests=len(workload),
            prompt_tokens=workload.prompt_tokens,
            timing=timing,
            has_content=workload.has_content,
            predictions=predictions,
            curves=_curves(predictor, points) if request.curve else (),
            choices=choices,
            others=compared_with,
            unmatched_nodes=by_plan.unmatched,
        ),
        notes=(*notes, *left_out, *by_plan.notes, *policies.notes, *_unreleased(release, points)),
    )


def _unreleased(release: ReleaseWhen, points: Sequence[SweepPoint]) -> tuple[Note, ...]:
    """What is to be said where pools cannot be told to forget."""
    pools = [point.settings for point in points if not point.settings.heeds_release]
    if release == "never" or not pools:
        return ()
    names = {
        f"{one.eviction} with max_num_turns" if one.max_num_turns else one.eviction for one in pools
    }
    return (Note(f"nothing is released with eviction {', '.join(sorted(names))}"),)


def _under_policies(
    points: Sequence[SweepPoint], policies: AskedByPolicy
) -> tuple[list[Tried], list[SweepPoint]]:
    """Every point under every policy, and which of them that is."""
    asked = [
        (
            Tried(number, one.policy, one.variant),
            replace(point, retention=one.retention, demotions=one.demotions),
        )
        for number, point in enumerate(points)
        for one in policies.at(point.settings)
    ]
    return [tried for tried, _ in asked], [point for _, point in asked]


def _in_pool(name: OtherPool, point: SweepPoint) -> SweepPoint:
    """A point in the pool of another manager, at the same size on the GPU. What goes by sessions or
    by radix is predicted with one request at a time. Raises `UsageError` for a pool too small."""
    try:
        settings = msgspec.convert(
            {**msgspec.structs.asdict(point.settings), **OTHER_POOLS[name]}, PoolSettings
        )
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error
    overlaps = settings.eviction != "sglang" and not settings.goes_by_sessions
    return replace(
        point,
        settings=settings,
        retention=None,
        demotions=(),
        release="never",
        timing=point.timing if overlaps else None,
    )


def _timing(
    request: PredictRequest, workload: Workload, report: Report
) -> Literal["instant", "timed"]:
    """Simulated time, unless it would take minutes and nobody asked for it."""
    tokens = workload.prompt_tokens + int(workload.output_length.sum())
    if request.timing is not None or tokens <= SLOW_TIMED_TOKENS:
        return request.timing or "timed"
    report(
        Progress("a large workload: each request starts and ends at once; --timed takes minutes")
    )
    return "instant"


def _tell_of_compiling(
    predictor: Predictor, points: Sequence[SweepPoint], timing: str, report: Report
) -> None:
    if timing == "timed":
        return
    if not code_is_possible():
        if any(predictor.profits_from_machine_code(point.settings) for point in points):
            report(Progress("predicting without numba, which would be faster: charter-kv[fast]"))
        return
    compiled = any(predictor.prefers_compiled(point.settings) for point in points)
    if compiled and not code_is_kept():
        report(Progress("compiling the predictor; this is done once"))


def _point(
    given: SettingValues,
    request: PredictRequest,
    timing: str,
    latency: LatencyModel,
) -> SweepPoint:
    values = {"tokens_per_block": TOKENS_PER_BLOCK, **given}
    size = max(1, int(values["tokens_per_block"]))
    schedule = {
        key: values.pop(key) for key in ("scheduler_policy", "max_batch_size") if key in values
    }
    gpu_tokens = int(values.pop("gpu_tokens", DEFAULT_GPU_TOKENS))
    host_tokens = int(values.pop("host_tokens", 0))
    values.setdefault("gpu_blocks", -(-gpu_tokens // size))
    values.setdefault("host_blocks", host_tokens // size)
    try:
        settings = msgspec.convert(values, PoolSettings)
        scheduled = msgspec.convert(schedule, Timing)
    except ValueError as error:
        raise UsageError(f"--set: {error}") from error
    return SweepPoint(
        settings=settings,
        timing=scheduled if timing == "timed" else None,
        queue=scheduled,
        latency=latency,
        bracket=request.bracket,
        kv_bytes_per_token=kv_bytes_per_token(request.model),
    )


class _AskedByPlan(NamedTuple):
    """What a plan asks for, which prompts are demoted beside that, and those of its nodes that the
    workload does not have."""

    retention: Retain | None = None
    demotions: tuple[DemotedPrompt, ...] = ()
    unmatched: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


def _asked_by_plan(plan: Plan | None, name: str, workload: Workload) -> _AskedByPlan:
    if plan is None:
        return _AskedByPlan()
    try:
        reuse_times = reuse_times_of_plan(plan, Path(name))
        if reuse_times is not None:
            estimates, pricing = learnt_elsewhere(workload, reuse_times.model), reuse_times.pricing
            asked = estimates.asked("next-use", pricing)
            demoted = estimates.demoted_in(reuse_times.room, pricing)
            return _AskedByPlan(one_a_request(asked, len(workload)), demoted)
        unmatched = tuple(node for node in plan.nodes if node not in workload.nodes)
        notes = _unmatched_note(name, plan.nodes, workload)
        return _AskedByPlan(plan_retention(plan), unmatched=unmatched, notes=notes)
    except ValueError as error:
        raise UsageError(
            f"{name}: {error}",
            remedy="use `charter-engine plan` to predict an agent's own workload",
        ) from error


def _unmatched_note(name: str, nodes: Collection[str], workload: Workload) -> tuple[Note, ...]:
    unmatched = [node for node in nodes if node not in workload.nodes]
    if not unmatched:
        return ()
    count = f"{len(unmatched)} of its {len(nodes)} nodes are in no request"
    known = f"the workload's nodes are {', '.join(map(repr, workload.nodes))}"
    return (Note(f"{name}: {count}: {', '.join(unmatched)}", known),)


def _curves(predictor: Predictor, points: Sequence[SweepPoint]) -> tuple[Curve, ...]:
    by_size = {point.settings.tokens_per_block: point for point in reversed(points)}
    sizes = dict.fromkeys(point.settings.tokens_per_block for point in points)
    return tuple(_curve(predictor, by_size[size]) for size in sizes)


def _curve(predictor: Predictor, like: SweepPoint) -> Curve:
    """The curve of a point's block size, with what is paid at every so many of its points, unless
    that would take long."""
    from charter_engine.kvcache.predict.curve import hit_curve

    size = like.settings.tokens_per_block
    lengths = predictor.workload.input_length
    capacities, rates = hit_curve(predictor.paths, lengths, size).sampled()
    found = [CurvePoint(*pair) for pair in zip(capacities.tolist(), rates.tolist(), strict=True)]
    if predictor.workload.prompt_tokens <= SLOW_TIMED_TOKENS:
        for place in range(len(found) - 1, -1, -PAID_EVERY):
            found[place] = _with_paid(predictor, like, found[place])
    return Curve(tokens_per_block=size, points=tuple(found))


def _with_paid(predictor: Predictor, like: SweepPoint, point: CurvePoint) -> CurvePoint:
    settings = replace(like.settings, gpu_blocks=max(1, point.gpu_blocks), host_blocks=0)
    paid = predictor.predict(settings, latency=like.latency, queue=like.queue, bracket=False)
    return replace(
        point,
        computed_tokens=paid.computed_tokens,
        makespan_ms=paid.makespan_ms,
        ttft_ms_mean=paid.ttft_ms_mean,
        ttft_ms_p95=paid.ttft_ms_p95,
    )
