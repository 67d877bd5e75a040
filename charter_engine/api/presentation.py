"""Results as tables for terminals and notebooks: what is paid first, rates behind it.

Each table shows some columns of `api.rows`; every figure has its label beside it or below it.
"""

from collections.abc import Iterable, Sequence
from functools import singledispatch

from msgspec import structs
from rich import box
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from charter_engine.api.columns import (
    ABILITIES,
    ALTERNATIVES,
    CALLS,
    CAUSES,
    CHANGES,
    COMPARED,
    CURVE,
    DIFFERENCES,
    EXPLAINED,
    FIGURES,
    FINDINGS,
    NODES,
    OPPORTUNITIES,
    PREDICTIONS,
    REQUESTS,
    REUSE_TIMES,
    REVISIONS,
    RUNS,
    SETTINGS,
    VARIANTS,
    ResultColumn,
    count,
    text,
)
from charter_engine.api.rows import Row, causes_of, nodes_of_run, rows, sum_of
from charter_engine.contracts.benching import BenchReport
from charter_engine.contracts.compiling import Opportunities
from charter_engine.contracts.deploy import Diff, Profile, PushReport
from charter_engine.contracts.deploying import DeploymentDrift, History
from charter_engine.contracts.explaining import MissResult
from charter_engine.contracts.graph import CompiledFile, Diagnostic
from charter_engine.contracts.learning import CalibrateResult, LearnResult
from charter_engine.contracts.lint import LintReport
from charter_engine.contracts.live import RunReport
from charter_engine.contracts.notes import Note
from charter_engine.contracts.plan import Alternative
from charter_engine.contracts.planning import Derivation, PlanResult
from charter_engine.contracts.predicting import PredictResult
from charter_engine.contracts.prediction import Curve, Prediction
from charter_engine.contracts.runs import RunComparison, RunDetail, RunList
from charter_engine.contracts.workload_files import WorkloadInfo, WorkloadWritten

CURVE_POINTS = 12
"""Assumed: rows that are read at a glance."""


@singledispatch
def presented(record: object) -> RenderableType:
    """A result as rich renders it. Raises TypeError for a record that is none."""
    raise TypeError(f"{type(record).__name__} is no result")


@presented.register
def _(record: CompiledFile) -> RenderableType:
    return Group(
        _table(f"{record.path}: {len(record.calls)} calls", CALLS, rows(record)),
        *_diagnostics(record.errors),
    )


@presented.register
def _(record: Opportunities) -> RenderableType:
    title = f"{record.path}: where KV blocks of {record.tokens_per_block} tokens could be reused"
    bases = dict.fromkeys(item.expected_basis for item in record.opportunities)
    return Group(_table(title, OPPORTUNITIES, rows(record)), *map(Text, filter(None, bases)))


@presented.register
def _(record: LintReport) -> RenderableType:
    return Group(
        _table(f"{len(record.findings)} findings", FINDINGS, rows(record)),
        *_diagnostics(record.errors),
        *_notes(record.notes),
    )


@presented.register
def _(record: MissResult) -> RenderableType:
    return Group(
        _table("why requests missed", EXPLAINED, rows(record)),
        _table("computed again, by cause", CAUSES, causes_of(record.report)),
        *_notes(record.notes),
    )


@presented.register
def _(record: Derivation) -> RenderableType:
    labels = f"predicted, times {record.chosen.times_label}"
    title = f"what was compared, on {record.plan.workload}; {labels}"
    return _table(title, COMPARED, rows(record))


@presented.register
def _(record: PlanResult) -> RenderableType:
    plan = record.derivation.plan
    return Group(
        presented(record.derivation),
        _table("what the plan sets, and why", SETTINGS, rows(record)),
        _table(
            "what nothing else beats; predicted", ALTERNATIVES, _alternatives(plan.alternatives)
        ),
        *_notes(record.notes),
    )


@presented.register
def _(record: PredictResult) -> RenderableType:
    report = record.report
    title = (
        f"{report.workload}: {report.requests:,} requests, {report.prompt_tokens:,} prompt tokens; "
        f"predicted, times {report.predictions[0].times_label}"
    )
    return Group(
        _table(title, (*_varied(report.predictions), *PREDICTIONS), rows(record)),
        *(
            Text(f"{choice.policy}: {choice.reason.text} ({choice.reason.label})")
            for choice in report.choices
        ),
        *(
            _table(
                f"LRU, {curve.tokens_per_block} tokens per block; predicted",
                CURVE,
                _thinned(curve),
            )
            for curve in report.curves
        ),
        *_notes(record.notes),
    )


@presented.register
def _(record: LearnResult) -> RenderableType:
    told = record.report
    title = f"when prompts come back: {told.requests:,} requests of {told.sessions:,} sessions"
    explained = (
        f"explains {told.explained:.1%} of the variance of how soon sessions return, "
        "in sessions not seen"
    )
    return Group(_table(title, REUSE_TIMES, rows(record)), Text(explained), *_notes(record.notes))


@presented.register
def _(record: CalibrateResult) -> RenderableType:
    return Group(
        _figures("latency model, fitted to measured requests", rows(record)),
        *_notes(record.notes),
    )


@presented.register
def _(record: RunReport) -> RenderableType:
    computed = count(sum_of(rows(record), "computed_tokens"))
    prompts = count(sum_of(rows(record), "prompt_tokens"))
    title = (
        f"{record.variant}: {record.state}; {computed} of {prompts} prompt tokens computed, "
        f"whole time {record.elapsed_ms / 1000:.2f} s; measured"
    )
    return Group(
        _table(title, NODES, nodes_of_run(record)),
        *map(Text, record.errors),
        *([Text(record.note)] if record.note else []),
    )


@presented.register
def _(record: BenchReport) -> RenderableType:
    title = (
        f"{record.agent} on {record.target}: {record.iterations} iterations of "
        f"{record.items_per_iteration} items; measured, "
        "but `at most` is counted on the prompts sent"
    )
    unfinished = [] if record.complete else [f"{record.lost or 'interrupted'}: figures so far"]
    return Group(_table(title, VARIANTS, rows(record)), *map(Text, (*record.notes, *unfinished)))


@presented.register
def _(record: Diff) -> RenderableType:
    if not record.changes:
        return Text(record.nothing_differs)
    return _table(f"against revision {record.base_revision}", CHANGES, rows(record))


@presented.register
def _(record: PushReport) -> RenderableType:
    return Group(
        presented(record.diff),
        Text(f"{record.message} ({record.elapsed_ms / 1000:.1f} s, measured)"),
        *(Text(f"verified: {what}") for what in record.verified),
    )


@presented.register
def _(record: DeploymentDrift) -> RenderableType:
    if record.revision is None:
        return Text("nothing was pushed from here yet")
    if not record.changes:
        return Text(f"as revision {record.revision} left it")
    return _table(f"changed since revision {record.revision}", CHANGES, rows(record))


@presented.register
def _(record: History) -> RenderableType:
    if not record.revisions:
        return Text("nothing was pushed to this deployment yet")
    return _table("revisions", REVISIONS, rows(record))


@presented.register
def _(record: Profile) -> RenderableType:
    return _table("what the deployment can do; measured", ABILITIES, rows(record))


@presented.register
def _(record: WorkloadInfo) -> RenderableType:
    return Group(_figures("what the workload holds", rows(record)), *_notes(record.notes))


@presented.register
def _(record: WorkloadWritten) -> RenderableType:
    told = f"{record.output}: {record.requests:,} requests, {record.prompt_tokens:,} prompt tokens"
    return Group(Text(told), *_notes(record.notes))


@presented.register
def _(record: RunList) -> RenderableType:
    if not record.runs:
        return Text("no run is on record yet")
    return _table("runs on record; measured", RUNS, rows(record))


@presented.register
def _(record: RunDetail) -> RenderableType:
    summary = presented(RunList((record.summary,)))
    requests = _table("its requests; measured", REQUESTS, rows(record))
    return Group(summary, requests, *map(Text, record.errors))


@presented.register
def _(record: RunComparison) -> RenderableType:
    title = f"run {record.after.number} against run {record.before.number}"
    said = [Text(f"{title}: {record.verdict.words}")] if record.verdict.words else []
    table = _table(f"{title}; measured, changes within 95 %", DIFFERENCES, rows(record))
    return Group(*said, table, *map(Text, record.notes))


def _table(title: str, columns: Sequence[ResultColumn], found: Iterable[Row]) -> RenderableType:
    """Some columns of some rows, those left out that are unknown in all of them."""
    lines = list(found)
    shown = [one for one in columns if any(row[one.key] not in (None, "") for row in lines)]
    table = Table(
        box=box.SIMPLE_HEAD,
        show_header=any(one.header for one in shown),
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    for column in shown:
        side: JustifyMethod = "left" if column.show is text else "right"
        table.add_column(column.header, justify=side, overflow="fold")
    for row in lines:
        table.add_row(*(Text(column.show(row[column.key])) for column in shown))
    return Group(Text(title, style="bold"), table, "")


def _figures(title: str, found: Iterable[Row]) -> RenderableType:
    """Every figure of some rows, one below the other."""
    pairs: list[Row] = [{"key": key, "value": row[key]} for row in found for key in row]
    return _table(title, FIGURES, pairs)


def _alternatives(found: Iterable[Alternative]) -> list[Row]:
    return [
        {
            **one.settings,
            "ttft_ms": one.ttft_ms,
            "ttft_p95_ms": one.ttft_p95_ms,
            "requests_per_s": one.requests_per_s,
            "token_hit_rate": one.token_hit_rate,
            "memory_bytes": one.memory_bytes,
            "chosen": one.chosen,
        }
        for one in found
    ]


def _varied(predictions: Sequence[Prediction]) -> list[ResultColumn]:
    """The settings to tell predictions apart by, where no column shows them anyway."""
    always = {column.key for column in PREDICTIONS}
    found = [one.settings for one in predictions]
    keys = dict.fromkeys(key for settings in found for key in settings if key not in always)
    return [
        ResultColumn(key, key, text)
        for key in keys
        if len({settings.get(key) for settings in found}) > 1
    ]


def _thinned(curve: Curve) -> list[Row]:
    """So many points of a curve as are read at a glance, the last among them."""
    step = -(-len(curve.points) // CURVE_POINTS)
    return [structs.asdict(point) for point in curve.points[::-1][::step][::-1]]


def _diagnostics(found: Iterable[Diagnostic]) -> list[Text]:
    return [
        Text(f"{one.path}:{one.line}: {one.severity}: {one.message} {one.remedy}".rstrip())
        for one in found
    ]


def _notes(notes: Iterable[Note]) -> list[Text]:
    return [
        Text(f"{note.message}; {note.remedy}" if note.remedy else note.message) for note in notes
    ]
