"""Results as flat rows: one a call, setting, node or request, ready for a data frame.

Numbers are numbers, in the units that their names end in (`_ms`, `_s`, `_tokens`, `_bytes`; rates
and shares are 0 to 1). What is unknown is None. A key that ends in `label` says where figures come
from: measured, predicted or assumed.
"""

from collections.abc import Iterable
from functools import singledispatch
from pathlib import PurePath

from msgspec import UNSET, structs

from charter_engine.contracts.benching import BenchReport, Percentiles, VariantReport
from charter_engine.contracts.compiling import Opportunities
from charter_engine.contracts.deploy import Change, Diff, Profile, PushReport
from charter_engine.contracts.deploying import DeploymentDrift, History
from charter_engine.contracts.explaining import MissExplanation, MissReport, MissResult
from charter_engine.contracts.graph import Call, CompiledFile
from charter_engine.contracts.learning import CalibrateResult, LearnResult
from charter_engine.contracts.lint import LintReport
from charter_engine.contracts.live import RequestRecord, RunReport
from charter_engine.contracts.plan import NodePlan, Plan, Reason
from charter_engine.contracts.planning import Derivation, Evaluation, PlanResult
from charter_engine.contracts.predicting import PredictResult
from charter_engine.contracts.prediction import Prediction
from charter_engine.contracts.reuse_times import NodeReuseTime
from charter_engine.contracts.runs import RunComparison, RunDetail, RunList, RunSummary
from charter_engine.contracts.settings import SETTING_OF
from charter_engine.contracts.workload_files import WorkloadInfo, WorkloadWritten

Value = str | int | float | bool | None
Row = dict[str, Value]


@singledispatch
def rows(record: object) -> list[Row]:
    """The rows of a result. Raises TypeError for a record that has none."""
    raise TypeError(f"{type(record).__name__} has no rows")


@rows.register
def _(record: CompiledFile) -> list[Row]:
    return [_call(call) for call in record.calls]


@rows.register
def _(record: Opportunities) -> list[Row]:
    return [
        {
            "pattern": item.pattern,
            "calls": ", ".join(item.nodes),
            "shared_tokens": item.shared_tokens,
            "shared_tokens_label": item.tokens_label,
            "expected_hit_rate": item.expected_hit_rate,
            "expected_hit_rate_label": item.expected_label,
            "expected_computed_tokens": item.expected_computed_tokens,
            "basis": item.expected_basis,
            "derivation": item.derivation,
        }
        for item in record.opportunities
    ]


@rows.register
def _(record: LintReport) -> list[Row]:
    return [structs.asdict(finding) for finding in record.findings]


@rows.register
def _(record: PlanResult) -> list[Row]:
    return [*_plan_settings(record.derivation.plan), *_node_settings(record.derivation.plan)]


@rows.register
def _(record: Derivation) -> list[Row]:
    levers = {} if record.levers is UNSET else record.levers
    points = {
        "as it is": record.as_it_is,
        "planned": record.chosen,
        **{f"planned, but {lever} as it is": point for lever, point in levers.items()},
    }
    return [{"what": what, **_evaluation(point)} for what, point in points.items()]


@rows.register
def _(record: PredictResult) -> list[Row]:
    report = record.report
    elsewhere = [
        {**_prediction(one), "policy": pool}
        for pool, predictions in report.others.items()
        for one in predictions
    ]
    return [*map(_prediction, report.predictions), *elsewhere]


@rows.register
def _(record: LearnResult) -> list[Row]:
    return [_reuse_time(node) for node in record.report.nodes]


@rows.register
def _(record: CalibrateResult) -> list[Row]:
    fitted = record.calibration
    return [
        {
            "requests": fitted.requests,
            "overhead_ms": fitted.model.overhead,
            "prefill_per_token_ms": fitted.model.prefill_per_token,
            "prefill_per_pair_ms": fitted.model.prefill_per_pair,
            "decode_step_ms": fitted.model.decode_step,
            "ttft_error": fitted.ttft_error,
            "ttft_r2": fitted.ttft_r2,
            "decode_error": fitted.decode_error,
            "label": fitted.model.label,
        }
    ]


@rows.register
def _(record: RunReport) -> list[Row]:
    return [_request(request, record.variant) for request in record.requests]


@rows.register
def _(record: BenchReport) -> list[Row]:
    return [_variant(variant) for variant in record.variants]


@rows.register
def _(record: Diff) -> list[Row]:
    return _changes(record.changes)


@rows.register
def _(record: PushReport) -> list[Row]:
    return _changes(record.diff.changes)


@rows.register
def _(record: DeploymentDrift) -> list[Row]:
    return _changes(record.changes)


@rows.register
def _(record: History) -> list[Row]:
    return [
        {
            "revision": item.number,
            "state": item.state,
            "created_at_s": item.created_at,
            "agent": item.agent,
            "cost": item.cost,
            "note": item.note,
        }
        for item in record.revisions
    ]


@rows.register
def _(record: Profile) -> list[Row]:
    abilities = ("charter_bls", "retention", "kv_stats", "times", "load_unload", "repository_files")
    found: list[Row] = [
        {"key": key, "value": getattr(record, key), "reason": record.reasons.get(key, "")}
        for key in ("path", "server_version", "tokens_per_block", *abilities)
    ]
    return found + [
        {"key": key, "value": value, "reason": ""} for key, value in record.parameters.items()
    ]


@rows.register
def _(record: MissResult) -> list[Row]:
    return [_explained(one) for one in record.explanations]


def causes_of(record: MissReport) -> list[Row]:
    """One row a cause and node, the most tokens first."""
    return [
        {
            "cause": group.cause,
            "node": group.node,
            "requests": group.requests,
            "tokens": group.tokens,
            "tokens_label": group.label,
            "tokens_per_hour": group.tokens_per_hour,
            "mended_tokens": group.mended_tokens,
            "request": group.example,
            "remedy": group.remedy,
        }
        for group in record.causes
    ]


def _explained(one: MissExplanation) -> Row:
    where = one.divergence
    return {
        "request": one.request,
        "at_s": one.at,
        "session": one.session,
        "node": one.node,
        "prompt_tokens": one.prompt_tokens,
        **{f"{part}_tokens": getattr(one.parts, part) for part in one.parts.__struct_fields__},
        "reused_label": one.reused_label,
        "diverged_label": one.diverged_label,
        "cause": one.cause.kind,
        "evidence": one.cause.evidence,
        "remedy": one.cause.remedy,
        "path": one.cause.path,
        "line": one.cause.line or None,
        "segment": one.cause.segment,
        "followed": where.followed if where else "",
        "token": where.token if where else None,
        "tokens_per_hour": one.cost.tokens_per_hour if one.cost else None,
    }


@rows.register
def _(record: WorkloadInfo) -> list[Row]:
    return [structs.asdict(record.facts)]


@rows.register
def _(record: WorkloadWritten) -> list[Row]:
    return [
        {
            "output": record.output,
            "requests": record.requests,
            "prompt_tokens": record.prompt_tokens,
        }
    ]


@rows.register
def _(record: RunList) -> list[Row]:
    return [_run(one) for one in record.runs]


@rows.register
def _(record: RunDetail) -> list[Row]:
    return [_request(one, record.summary.variant) for one in record.requests]


@rows.register
def _(record: RunComparison) -> list[Row]:
    return [
        {
            "figure": one.figure,
            "before": one.before,
            "after": one.after,
            "change": one.change,
            "change_low": one.interval.low if one.interval else None,
            "change_high": one.interval.high if one.interval else None,
            "label": "measured",
        }
        for one in record.differences
    ]


def nodes_of_run(report: RunReport) -> list[Row]:
    """One row a node of a run: its requests added up. Tokens are None where one of them does not
    tell."""
    found: list[Row] = []
    for node in report.nodes:
        sent = [_request(one, report.variant) for one in report.requests if one.node == node.node]
        found.append(
            {
                "node": node.node,
                "requests": node.requests,
                "failures": node.failures,
                "computed_tokens": sum_of(sent, "computed_tokens"),
                "prompt_tokens": sum_of(sent, "prompt_tokens"),
                "output_tokens": sum_of(sent, "output_tokens"),
                "latency_ms": sum_of(sent, "latency_ms"),
                "ttft_ms_mean": node.ttft_ms_mean,
                "token_hit_rate": _share(
                    sum_of(sent, "reused_tokens"), sum_of(sent, "prompt_tokens")
                ),
                "label": "measured",
            }
        )
    return found


def sum_of(found: Iterable[Row], key: str) -> float | None:
    """The sum of a column; None where it is unknown in a row, or there are no rows."""
    values = [row[key] for row in found]
    known = [value for value in values if isinstance(value, int | float)]
    return sum(known) if known and len(known) == len(values) else None


def _call(call: Call) -> Row:
    static = [segment for segment in call.segments if segment.kind == "static"]
    return {
        "call": call.id,
        "path": call.path,
        "line": call.line,
        "family": call.family,
        "loop": call.loop.kind if call.loop is not None else None,
        "takes_from": ", ".join(sorted({edge.call for edge in call.depends_on})),
        "segments": len(call.segments),
        "static_tokens": sum(segment.tokens or 0 for segment in static),
        "static_tokens_label": static[0].tokens_label if static else "assumed",
    }


def _plan_settings(plan: Plan) -> list[Row]:
    set_to = {key: getattr(plan.server, key) for key in SETTING_OF}
    return [
        _setting("plan", "policy", plan.policy, plan.why.get("policy")),
        *(
            _setting("server", key, value, plan.why.get(key))
            for key, value in set_to.items()
            if value is not None
        ),
    ]


def _node_settings(plan: Plan) -> list[Row]:
    usual = NodePlan()
    return [
        _setting(node_id, key, value, node.why.get(key))
        for node_id, node in plan.nodes.items()
        for key, value in _of_node(node).items()
        if key == "layout" or value != _of_node(usual)[key]
    ]


def _of_node(node: NodePlan) -> dict[str, str | int | None]:
    layout = f"append-only after {node.extends}" if node.extends else node.layout
    return {
        "layout": layout,
        "retention": "; ".join(
            f"segments {item.first} to {'the end' if item.last is None else item.last}: "
            f"priority {item.priority}"
            for item in node.retention
        ),
        "decode_priority": node.decode_priority,
        "decode_duration_ms": node.decode_duration_ms,
        "cache_group": node.cache_group,
    }


def _setting(place: str, key: str, value: Value, why: Reason | None) -> Row:
    return {
        "place": place,
        "setting": key,
        "value": value,
        "why": why.text if why else "",
        "label": why.label if why else "assumed",
    }


def _evaluation(point: Evaluation) -> Row:
    return {
        "computed_tokens": point.computed_tokens,
        "makespan_ms": point.makespan_ms,
        "ttft_ms_mean": point.ttft_ms,
        "ttft_ms_p95": point.ttft_p95_ms,
        "requests_per_s": point.requests_per_s,
        "times_source": point.times_source,
        "times_label": point.times_label,
        "token_hit_rate": point.token_hit_rate,
        "block_hit_rate": point.block_hit_rate,
        "bound": point.bound,
        "memory_bytes": point.memory_bytes,
        "label": "predicted",
        **structs.asdict(point.point),
    }


def _prediction(one: Prediction) -> Row:
    bracket = one.bracket
    return {
        **one.settings,
        "policy": one.policy,
        "computed_tokens": one.computed_tokens,
        "makespan_ms": one.makespan_ms,
        "ttft_ms_mean": one.ttft_ms_mean,
        "ttft_ms_p95": one.ttft_ms_p95,
        "requests_per_s": one.requests_per_s,
        "times_source": one.times_source,
        "times_label": one.times_label,
        "prompt_tokens": one.prompt_tokens,
        "token_hit_rate": one.token_hit_rate,
        "block_hit_rate": one.block_hit_rate,
        "default_lru": bracket.default_lru if bracket else None,
        "optimum": bracket.optimum if bracket else None,
        "gap_closed": one.closed,
        "requests": one.requests,
        "rejected": one.rejected,
        "evictions": sum(one.evictions_by_priority.values()),
        "peak_blocks": one.peak_blocks,
        "memory_bytes": one.memory_bytes,
        "label": "predicted",
    }


def _reuse_time(node: NodeReuseTime) -> Row:
    return {
        "node": node.node,
        "requests": node.own.requests,
        "median_s": node.own.median_s,
        "never_share": node.own.never_share,
        "spread": node.own.spread,
        "explained": node.explained,
        "shared_tokens": node.shared_tokens,
        "shared_median_s": node.shared.median_s,
        "tail_tokens": node.tail_tokens,
        "label": node.own.label,
    }


def _run(run: RunSummary) -> Row:
    cost = run.cost
    return {
        "number": run.number,
        "variant": run.variant,
        "as_written": run.as_written,
        "state": run.state,
        "agent": PurePath(run.agent).stem,
        "deployment": run.deployment,
        "revision": run.revision,
        "started_at_s": run.started_at,
        "items": cost.items,
        "requests": cost.requests,
        "failures": cost.failures,
        "computed_tokens": cost.computed_tokens,
        "prompt_tokens": cost.prompt_tokens,
        "output_tokens": cost.output_tokens,
        "whole_ms": cost.whole_ms,
        "item_ms": cost.item_ms,
        "ttft_ms": cost.ttft_ms,
        "ttft_ms_p95": cost.ttft_ms_p95,
        "token_hit_rate": cost.token_hit_rate,
        "earlier": run.earlier,
        "label": cost.label,
    }


def _request(request: RequestRecord, variant: str) -> Row:
    return {
        "variant": variant,
        "item": request.item,
        "node": request.node,
        "started_at_s": request.started_at,
        "computed_tokens": request.computed_tokens,
        "latency_ms": request.latency_ms,
        "ttft_ms": request.ttft_ms,
        "queue_ms": request.queue_ms,
        "prompt_tokens": request.prompt_tokens,
        "reused_tokens": request.reused_tokens,
        "output_tokens": request.output_tokens,
        "reused_blocks": request.reused_blocks,
        "missed_blocks": request.missed_blocks,
        "error": request.error,
        "label": "measured",
    }


def _variant(one: VariantReport) -> Row:
    computed, predicted = one.computed_tokens, one.predicted_computed_tokens
    return {
        "variant": one.name,
        "requests": one.requests,
        "failures": one.failures,
        "computed_tokens": None if computed is None else round(computed),
        "elapsed_ms": one.elapsed_ms,
        **_percentiles("latency_ms", one.latency_ms),
        **_percentiles("ttft_ms", one.ttft_ms),
        "prompt_tokens": one.prompt_tokens,
        "output_tokens": one.output_tokens,
        "token_hit_rate": one.token_hit_rate,
        "block_hit_rate": one.block_hit_rate,
        "bound": one.bound,
        "predicted_computed_tokens": None if predicted is None else round(predicted),
        "predicted_token_hit_rate": one.predicted_token_hit_rate,
        "predicted_block_hit_rate": one.predicted_block_hit_rate,
        "tokens_per_block": one.tokens_per_block,
        "peak_blocks": one.peak_blocks,
        "requests_per_s": one.requests_per_s,
        "label": "measured",
    }


def _percentiles(name: str, values: Percentiles | None) -> Row:
    return {f"{name}_{key}": getattr(values, key, None) for key in ("mean", "p50", "p95", "p99")}


def _changes(changes: Iterable[Change]) -> list[Row]:
    return [structs.asdict(change) for change in changes]


def _share(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None
