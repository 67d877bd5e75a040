"""Work that takes a while: planning, predicting, learning, calibrating, measuring.

What takes the processor is done by workers. Nothing is sent to the deployment unless the operator
asks for it.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from msgspec.structs import replace

from charter_engine.api.agents import OpenedAgent
from charter_engine.api.drafting import with_reuse_times_placed
from charter_engine.api.progress import Report
from charter_engine.api.proposing import PASSED_S, on_what_passed
from charter_engine.api.swept_settings import combinations
from charter_engine.contracts import commands
from charter_engine.contracts.answers import AnswersReport, AnswersRequest
from charter_engine.contracts.benching import BenchReport, BenchRequest
from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.learning import (
    CalibrateRequest,
    CalibrateResult,
    LearnRequest,
    LearnResult,
)
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.planning import PlanRequest, PlanResult
from charter_engine.contracts.predicting import PredictRequest, PredictResult
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.errors import UsageError
from charter_engine.service import heavy_work
from charter_engine.service.state import EngineState

TRAFFIC = "what passed"
WorkCommand = (
    commands.FindPlan
    | commands.Predict
    | commands.Learn
    | commands.Calibrate
    | commands.Bench
    | commands.CompareAnswers
    | commands.CancelWork
)


async def work(state: EngineState, command: WorkCommand) -> None:
    """Begin what is asked for, or give up what is in progress. Raises `CharterError`."""
    manager = state.work
    match command:
        case commands.FindPlan(request=request):
            _require_plannable(state, request)
            manager.start("plan", _subject(state, request), partial(_plan, state, request))
        case commands.Predict(request=request, settings=typed):
            require_files(request.workload, request.reuse_times, request.latency)
            asked = replace(request, settings=combinations(typed)) if typed else request
            manager.start("predict", request.workload, partial(_predict, state, asked))
        case commands.Learn(request=request):
            require_files(*request.sources)
            subject = ", ".join(request.sources)
            manager.start("learn", subject, partial(_learn, state, request))
        case commands.Calibrate(request=request):
            require_files(request.recording)
            manager.start("calibrate", request.recording, partial(_calibrate, state, request))
        case commands.Bench(request=request, on_deployment=on_deployment):
            _start_bench(state, request, on_deployment=on_deployment)
        case commands.CompareAnswers(request=request):
            _start_answers(state, request)
        case commands.CancelWork():
            await manager.cancel()


async def find_plan(state: EngineState, request: PlanRequest) -> PlanResult:
    """Work out a plan, and wait for it. Raises `CharterError`."""
    _require_plannable(state, request)
    return await state.work.result("plan", _subject(state, request), partial(_plan, state, request))


async def as_proposed(state: EngineState, request: PlanRequest) -> PlanRequest:
    """What a proposal is asked for: on what passed, where that tells enough and nothing else is
    named. Raises `CharterError`."""
    now = state.hub.now()
    passed = (await state.passed.since(now - PASSED_S)).records
    return on_what_passed(request, len(passed), now)


def require_files(*paths: str) -> None:
    """Raises `UsageError`, before anything begins, for a path at which neither a file nor a folder
    lies. Empty: no file is named."""
    for path in paths:
        if path and not (Path(path).is_file() or Path(path).is_dir()):
            raise UsageError(f"{path}: there is no such file", remedy="check the path")


def _require_plannable(state: EngineState, request: PlanRequest) -> None:
    require_files(request.workload, request.reuse_times, request.inputs_file)
    if not request.workload and request.from_traffic_s is None:
        state.opened()


async def _plan(state: EngineState, request: PlanRequest, report: Report) -> PlanResult:
    """The plan for the open agent on the live deployment. Its reuse times are named absolutely, to
    be found from wherever it is loaded."""
    passed = await _passed(state, request)
    if passed is not None:
        request = replace(request, workload=TRAFFIC)
    result = await state.predicting.plan(state.agent, request, state.pool, passed, report)
    plan = with_reuse_times_placed(result.derivation.plan, Path(request.output).parent)
    return replace(result, derivation=replace(result.derivation, plan=plan))


async def _passed(state: EngineState, request: PlanRequest) -> Sequence[TrafficRecord] | None:
    """What passed in the time that the request names; None where it names none."""
    if request.from_traffic_s is None:
        return None
    return (await state.passed.since(state.hub.now() - request.from_traffic_s)).records


async def _predict(state: EngineState, request: PredictRequest, report: Report) -> PredictResult:
    return await state.workers.carry_out(partial(heavy_work.predicted, request), report)


async def _learn(state: EngineState, request: LearnRequest, report: Report) -> LearnResult:
    return await state.workers.carry_out(partial(heavy_work.learnt, request), report)


async def _calibrate(
    state: EngineState, request: CalibrateRequest, report: Report
) -> CalibrateResult:
    result = await state.workers.carry_out(partial(heavy_work.calibrated, request), report)
    state.predicting.latency = result.calibration.model
    state.draft.profile_changed(state.deployment.profile)
    return result


def _start_bench(state: EngineState, request: BenchRequest, *, on_deployment: bool) -> None:
    agent = state.opened()
    triton = TritonOptions()
    if on_deployment:
        request, triton = state.deployment.to_measure(request)
    state.require_no_run()
    require_files(request.plan or "", request.inputs or "")
    asked = replace(
        request,
        agent=str(agent.path),
        inputs=request.inputs or (str(agent.inputs_path) if agent.inputs_path else None),
    )
    where = f"on {state.deployment.address}" if on_deployment else "on servers of its own"
    state.work.start(
        "bench",
        f"{agent.path.name} {where}",
        partial(_bench, asked, triton, state.options.keeps_text),
    )


async def _bench(
    request: BenchRequest, triton: TritonOptions, use_cache: bool, report: Report
) -> BenchReport:
    from charter_engine.api.benching import bench

    return await bench(request, triton, report, use_cache=use_cache)


def _start_answers(state: EngineState, request: AnswersRequest) -> None:
    agent, plan = state.opened(), state.draft.draft.plan
    if plan is None:
        raise UsageError(
            "the draft is the live plan: there is nothing to compare",
            remedy="edit a layout, or propose a plan",
        )
    state.require_no_run()
    if not state.deployment.started:
        raise UsageError("the deployment is not up", remedy="wait until it is ready")
    asked, triton = state.deployment.to_compare(replace(request, agent=str(agent.path)))
    state.work.start(
        "answers",
        f"{agent.path.name} as written and as drafted",
        partial(_answers, asked, agent, plan, triton),
    )


async def _answers(
    request: AnswersRequest, agent: OpenedAgent, plan: Plan, triton: TritonOptions, report: Report
) -> AnswersReport:
    from charter_engine.api.answers import compare_answers_read

    return await compare_answers_read(request, agent, plan, triton, report)


def _subject(state: EngineState, request: PlanRequest) -> str:
    agent = state.agent.path.name if state.agent is not None else ""
    workload = request.workload if request.from_traffic_s is None else TRAFFIC
    return " on ".join(part for part in (agent, workload) if part)
