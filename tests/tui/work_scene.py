"""Canned work: in progress, ended, failed, and what each kind found."""

from msgspec.structs import replace

from charter_engine.contracts.answers import AnswerFigures, AnswerPair, AnswersReport, NodeAnswers
from charter_engine.contracts.benching import BenchReport, LeverShare, Percentiles, VariantReport
from charter_engine.contracts.gauges import Work, WorkKind, WorkResults
from charter_engine.contracts.latency import Calibration, LatencyModel
from charter_engine.contracts.learning import CalibrateResult, LearnResult
from charter_engine.contracts.notes import Note
from charter_engine.contracts.plan import Alternative, LayoutKind, Policy
from charter_engine.contracts.planning import (
    Derivation,
    Evaluation,
    PlanPoint,
    PlanResult,
    WaitsWritten,
)
from charter_engine.contracts.predicting import PredictResult
from charter_engine.contracts.prediction import (
    Bracket,
    PolicyComparison,
    Prediction,
    PredictReport,
    ServingTimes,
)
from charter_engine.contracts.reuse_times import LearnReport, NodeReuseTime, ReuseTime
from tests.tui.scene import AGENT, CLASSIFICATION, DRAFT_PLAN, ENTITIES, START, VALIDATED

WORKLOAD = "/home/operator/traffic/monday.charter"


def _evaluation(
    layout: LayoutKind, block: int, policy: Policy, rate: float, whole_s: float
) -> Evaluation:
    return Evaluation(
        point=PlanPoint(layout, block, 0, policy),
        token_hit_rate=rate,
        block_hit_rate=rate - 0.02,
        computed_tokens=round(1_204_800 * (1 - rate)),
        bound=0.88,
        ttft_ms=300 - 300 * rate,
        makespan_ms=whole_s * 1000,
        memory_bytes=889_192_448,
        times_label="predicted",
        ttft_p95_ms=900 - 700 * rate,
        requests_per_s=4 + 2 * rate,
    )


CHOSEN = _evaluation("prefix-first", 16, "next-use", 0.72, 8.1)
AS_IT_IS = _evaluation("source", 32, "default", 0.31, 12.6)
PLANNED = PlanResult(
    derivation=Derivation(
        plan=replace(
            DRAFT_PLAN,
            workload=WORKLOAD,
            alternatives=tuple(
                Alternative(
                    settings={
                        "tokens_per_block": block,
                        "host_blocks": 0,
                        "policy": policy,
                        "layout": "prefix-first",
                    },
                    token_hit_rate=rate,
                    ttft_ms=300 - 300 * rate,
                    memory_bytes=memory,
                    chosen=block == 16,
                    ttft_p95_ms=900 - 700 * rate,
                    requests_per_s=4 + 2 * rate,
                )
                for block, policy, rate, memory in (
                    (16, "next-use", 0.72, 889_192_448),
                    (32, "next-use", 0.69, 702_545_920),
                    (64, "default", 0.58, 655_360_000),
                )
            ),
        ),
        chosen=CHOSEN,
        as_it_is=AS_IT_IS,
        evaluations=(AS_IT_IS, CHOSEN),
        levers={
            "layout": _evaluation("source", 16, "next-use", 0.42, 11.4),
            "block_size": _evaluation("prefix-first", 32, "next-use", 0.69, 8.3),
            "retention": _evaluation("prefix-first", 16, "default", 0.66, 8.8),
        },
        policies=PolicyComparison(
            prompt_tokens=80_000,
            workload=WORKLOAD,
            tokens_per_block=16,
            gpu_blocks=2048,
            host_blocks=0,
            hit_rates={"default": 0.66, "static": 0.67, "steps": 0.70, "next-use": 0.72},
            optimum=0.76,
            ample=False,
            times={
                "default": ServingTimes(102.0, 438.0, 5.32, 37_600.0),
                "static": ServingTimes(99.0, 431.0, 5.34, 37_450.0),
                "steps": ServingTimes(90.0, 410.0, 5.4, 37_000.0),
                "next-use": ServingTimes(84.0, 396.0, 5.44, 36_750.0),
            },
        ),
    ),
    text="",
    preset="document-pipeline",
    notes=(Note("monday.charter: 2 of its nodes are no calls of the agent: audit, triage"),),
)


def _swept(block: int, rate: float, whole_s: float, evicted: int) -> Prediction:
    return Prediction(
        settings={"tokens_per_block": block, "gpu_blocks": 65_536 // block},
        requests=412,
        prompt_tokens=1_204_800,
        token_hit_rate=rate,
        block_hit_rate=rate - 0.01,
        reused_blocks=1,
        missed_blocks=1,
        evictions_by_priority={35: evicted},
        ttft_ms_mean=480 - 400 * rate,
        ttft_ms_p95=900.0,
        makespan_ms=whole_s * 1000,
        bracket=Bracket(rate - 0.06, rate + 0.04),
    )


SWEPT = PredictResult(
    report=PredictReport(
        workload=WORKLOAD,
        requests=412,
        prompt_tokens=1_204_800,
        timing="timed",
        predictions=(
            _swept(16, 0.713, 61.2, 18_204),
            _swept(32, 0.702, 60.4, 9_310),
            _swept(64, 0.655, 64.9, 5_118),
        ),
    )
)


def _reuse(seconds: float | None, requests: int) -> ReuseTime:
    return ReuseTime(
        requests=requests, median_s=seconds, never_share=0.124, spread=0.8, label="measured"
    )


def _learnt(node: str, own: float | None, shared: float) -> NodeReuseTime:
    return NodeReuseTime(
        node=node,
        own=_reuse(own, 1_204),
        shared=_reuse(shared, 1_204),
        explained=0.61,
        shared_tokens=1_310,
        tail_tokens=240,
    )


LEARNT = LearnResult(
    report=LearnReport(
        output="",
        sources=(WORKLOAD,),
        sessions=402,
        requests=3_612,
        decide_at="sent",
        explained=0.58,
        spread=0.9,
        usable=True,
        telling=("position in the session", "output length", "call"),
        nodes=(
            _learnt(ENTITIES, 1.42, 12.4),
            _learnt(VALIDATED, 2.6, 12.9),
            _learnt(CLASSIFICATION, None, 14.0),
        ),
        kinds={},
    ),
    reuse_times_written=WaitsWritten(
        path="/home/operator/reuse_times.json", requests=3_612, sessions=402
    ),
)
CALIBRATED = CalibrateResult(
    calibration=Calibration(
        model=LatencyModel(
            overhead=4.2,
            prefill_per_token=0.081,
            prefill_per_pair=0.000004,
            decode_step=8.7,
            decode_per_context=0.0002,
            label="predicted",
        ),
        requests=36,
        ttft_error=0.063,
        ttft_r2=0.98,
        decode_error=0.041,
    )
)


def _variant(name: str, what: str, whole_s: float, ttft: float, rate: float) -> VariantReport:
    return VariantReport(
        name=name,
        what=what,
        reuse=name != "baseline",
        tokens_per_block=32,
        pool_blocks=1024,
        requests=36,
        elapsed_ms=whole_s * 1000,
        ttft_ms=Percentiles(ttft, ttft * 2, ttft * 2.2, ttft, 36),
        token_hit_rate=rate,
        predicted_token_hit_rate=rate and rate + 0.004,
        requests_per_s=36 / whole_s,
    )


MEASURED = BenchReport(
    agent=AGENT,
    target="embedded Triton, a server for each variant",
    iterations=12,
    items_per_iteration=1,
    inputs="12 sets in turn, never seen before: one sentence of each is changed",
    variants=(
        _variant("baseline", "no reuse, as written", 41.8, 402.0, 0.0),
        _variant("source", "reuse, as written", 33.2, 288.0, 0.29),
        _variant("plan", "reuse, under the plan", 24.6, 171.0, 0.71),
    ),
    levers=(
        LeverShare(
            lever="layout",
            token_hit_rate_gained=0.38,
            ttft_ms_saved=102.0,
            computed_tokens_saved=10_260.0,
            ttft_p95_ms_saved=180.0,
            whole_ms_saved=2_400.0,
        ),
        LeverShare(
            lever="block_size",
            token_hit_rate_gained=0.03,
            ttft_ms_saved=9.0,
            computed_tokens_saved=-810.0,
            ttft_p95_ms_saved=14.0,
            whole_ms_saved=-120.0,
        ),
        LeverShare(
            lever="host_tier",
            token_hit_rate_gained=0.0,
            ttft_ms_saved=0.0,
            note="the plan asks for no host memory",
        ),
    ),
    notes=("the embedded engine's weights are random: its text means nothing",),
)
_WRITTEN = """{"type": "notice", "topic": "closure of the north quay", "confidence": 0.8}"""
_PLANNED = """{"type": "notice", "topic": "the north quay is closed", "confidence": 0.9}"""
COMPARED = AnswersReport(
    agent=AGENT,
    target="127.0.0.1:8001",
    inputs="3 sets as given",
    check="json",
    verdict="the plan changes 1 of 9 answers",
    nodes=tuple(
        NodeAnswers(
            node=node,
            pairs=3,
            equal=equal,
            carried=0,
            written=AnswerFigures(answers=3, valid_json=2, tokens=41.0, passed=2),
            planned=AnswerFigures(answers=3, valid_json=3, tokens=39.0, passed=3),
        )
        for node, equal in ((ENTITIES, 3), (VALIDATED, 3), (CLASSIFICATION, 2))
    ),
    pairs=(
        AnswerPair(
            node=CLASSIFICATION,
            item=1,
            iteration=0,
            written=_WRITTEN,
            planned=_PLANNED,
            differs_at=29,
            carried=False,
            written_tokens=21,
            planned_tokens=22,
        ),
    ),
    repeated=6,
    repeated_equal=6,
    plan=DRAFT_PLAN,
)
ALL = WorkResults(
    plan=PLANNED,
    predict=SWEPT,
    learn=LEARNT,
    calibrate=CALIBRATED,
    bench=MEASURED,
    answers=COMPARED,
)
IN_PROGRESS = Work(
    kind="predict",
    subject=WORKLOAD,
    state="running",
    stage="predicting settings",
    done=7,
    total=24,
    started_at=START - 83,
    elapsed_ms=83_000,
)
FAILED = Work(
    kind="learn",
    subject="/home/operator/notes.jsonl",
    state="failed",
    started_at=START - 10,
    elapsed_ms=412,
    error="/home/operator/notes.jsonl:1: this is no workload: rain until noon",
    remedy="reuse times are learnt from requests with a `session`: recordings, agent sessions",
)


def done(kind: WorkKind) -> Work:
    """Work of that kind that ended well."""
    return Work(
        kind=kind, subject=WORKLOAD, state="done", started_at=START - 60, elapsed_ms=4_210.0
    )
