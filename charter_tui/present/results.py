"""What each kind of work found, as tables. Every figure carries its mark."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from msgspec import UNSET

from charter_engine.contracts.benching import BenchReport, LeverShare, VariantReport
from charter_engine.contracts.figures import Label
from charter_engine.contracts.gauges import WorkKind, WorkResults
from charter_engine.contracts.learning import CalibrateResult, LearnResult
from charter_engine.contracts.notes import Note
from charter_engine.contracts.planning import Derivation, Evaluation, PlanResult
from charter_engine.contracts.predicting import PredictResult
from charter_engine.contracts.prediction import Bracket, PolicyComparison, Prediction, ServingTimes
from charter_engine.contracts.reuse_times import NodeReuseTime, ReuseTime
from charter_tui.present.answers import answers_lines
from charter_tui.present.figures import (
    NOTHING,
    apart,
    byte_size,
    count,
    marked,
    milliseconds,
    milliseconds_text,
    per_second,
    percent,
    percent_text,
    precise_milliseconds,
    precise_percent,
    signed,
)
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, plain, wrap
from charter_tui.present.tables import Column, table_lines
from charter_tui.present.work import empty_result_lines

SHOWN_ERRORS: Final = 3
"""Assumed: more of them say the same."""
_POINT: Final = (
    Column("computed", "COMPUTED", 0),
    Column("whole", "WHOLE RUN", 0),
    Column("ttft", "TTFT", 0),
    Column("p95", "P95", 0),
    Column("rate", "REQ/S", 0),
    Column("hit", "HIT RATE", 0),
    Column("block", "BLOCK", 0),
    Column("host", "HOST", 0),
    Column("policy", "POLICY", 0, "left"),
    Column("layout", "LAYOUT", 0, "left"),
    Column("memory", "KV NEEDED", 0),
)


def result_lines(
    results: WorkResults | None, kind: WorkKind, width: int, *, acting: bool = True
) -> tuple[Line, ...]:
    """What that kind of work found last, or what it would find; with the keys that do something
    about it where they do (`acting`)."""
    found = getattr(results, kind, None)
    if found is None:
        return empty_result_lines(kind, width, acting=acting)
    if isinstance(found, PlanResult):
        return plan_lines(found, width, acting=acting)
    return _LINES_OF[kind](found, width)


def plan_lines(result: PlanResult, width: int, *, acting: bool = True) -> tuple[Line, ...]:
    """The plan beside the deployment as it is and each lever put back, then what nothing beats, and
    the retention policies."""
    found = result.derivation
    preset = f", preset {result.preset}" if result.preset else ""
    keys = (Span("  d", "accent"), Span(" loads it into the draft", "muted"))
    load = keys if acting else ()
    basis = Span(f"  {_basis(found)}{preset}", "muted")
    return (
        line(Span("Proposed", "title"), *load, basis),
        *table_lines((Column("plan", "PLAN", 0, "left"), *_POINT), _points(found), width),
        EMPTY,
        _heading("Alternatives", "nothing beats these in hit rate, times and KV needed together"),
        *table_lines(_POINT, _front(found), width),
        EMPTY,
        *_policy_lines(found.policies, found.chosen.times_label, width),
        *_note_lines(result.notes, width),
    )


def _basis(found: Derivation) -> str:
    return plain(f"on {found.plan.workload}") if found.plan.workload else ""


def _points(found: Derivation) -> list[tuple[Span, ...]]:
    levers = {} if found.levers is UNSET else found.levers
    without = [
        (Span(f"without {lever.replace('_', ' ')}", "muted"), *_point(point, "predicted"))
        for lever, point in levers.items()
    ]
    return [
        (Span("as deployed"), *_point(found.as_it_is, "predicted")),
        (Span("▸ proposed", "good"), *_point(found.chosen, "good")),
        *without,
    ]


def _point(item: Evaluation, tone: Tone) -> tuple[Span, ...]:
    return (
        count(item.computed_tokens, "predicted")._replace(tone=tone),
        milliseconds(item.makespan_ms, item.times_label),
        milliseconds(item.ttft_ms, item.times_label),
        milliseconds(item.ttft_p95_ms, item.times_label),
        per_second(item.requests_per_s, item.times_label),
        percent(item.token_hit_rate, "predicted"),
        Span(str(item.point.tokens_per_block)),
        Span(f"{item.point.host_blocks:,}"),
        Span(item.point.policy),
        Span(item.point.layout),
        byte_size(item.memory_bytes, "predicted"),
    )


def _front(found: Derivation) -> list[tuple[Span, ...]]:
    times = found.chosen.times_label
    items = sorted(found.plan.alternatives, key=lambda other: -other.token_hit_rate)
    wholes = apart([item.makespan_ms for item in items], precise_milliseconds, times)
    ttfts = apart([item.ttft_ms for item in items], precise_milliseconds, times)
    p95s = apart([item.ttft_p95_ms for item in items], precise_milliseconds, times)
    hits = apart([item.token_hit_rate for item in items], precise_percent, "predicted")
    rows = []
    for item, *waited, hit in zip(items, wholes, ttfts, p95s, hits, strict=True):
        settings = item.settings
        chosen = "▸ " if item.chosen else "  "
        computed = count(item.computed_tokens, "predicted")
        rows.append(
            (
                Span(f"{chosen}{computed.text}", "good" if item.chosen else "predicted"),
                *waited,
                per_second(item.requests_per_s, times),
                hit,
                *(_setting(settings, key) for key in ("tokens_per_block", "host_blocks")),
                *(_setting(settings, key) for key in ("policy", "layout")),
                byte_size(item.memory_bytes, "predicted"),
            )
        )
    return rows


def _setting(settings: Mapping[str, object], key: str) -> Span:
    value = settings.get(key)
    if value is None:
        return NOTHING
    return Span(f"{value:,}" if type(value) is int and value >= 10_000 else plain(str(value)))


def _policy_lines(found: PolicyComparison, times: Label, width: int) -> tuple[Line, ...]:
    columns = (
        Column("policy", "POLICY", 0, "left"),
        Column("computed", "COMPUTED", 0),
        Column("whole", "WHOLE RUN", 0),
        Column("ttft", "TTFT", 0),
        Column("p95", "P95", 0),
        Column("rate", "REQ/S", 0),
        Column("hit", "HIT RATE", 0),
        Column("closed", "OF THE GAP TO THE OPTIMUM", 0),
    )
    rows = [
        (
            Span(policy),
            count(found.computed_tokens(rate), "predicted"),
            *_serving(found.times.get(policy, ServingTimes()), times),
            percent(rate, "predicted"),
            percent(found.closed(policy), "predicted", 0),
        )
        for policy, rate in found.hit_rates.items()
    ]
    rows.append(
        (
            Span("offline optimum", "muted"),
            count(found.computed_tokens(found.optimum), "predicted"),
            *_serving(ServingTimes(), times),
            percent(found.optimum, "predicted"),
            NOTHING,
        )
    )
    pool = f"{found.gpu_blocks:,} blocks of {found.tokens_per_block} tokens"
    ample = "; memory is ample, no policy has anything to decide" if found.ample else ""
    notes = wrap(found.note, max(20, width)) if found.note else []
    return (
        _heading("Retention policies", f"{pool}{ample}"),
        *table_lines(columns, rows, width),
        *(line(Span(text, "muted")) for text in notes),
    )


def _serving(found: ServingTimes, label: Label) -> tuple[Span, Span, Span, Span]:
    return (
        milliseconds(found.makespan_ms, label),
        milliseconds(found.ttft_ms, label),
        milliseconds(found.ttft_p95_ms, label),
        per_second(found.requests_per_s, label),
    )


def sweep_lines(result: PredictResult, width: int) -> tuple[Line, ...]:
    """Every setting with its figures, the fastest whole run marked."""
    report = result.report
    keys = _varied(report.predictions)
    policy = any(one.policy for one in report.predictions)
    timed = [one.makespan_ms for one in report.predictions if one.makespan_ms is not None]
    fastest = min(timed, default=None)
    columns = (
        *(Column(key, key, 0) for key in keys),
        *((Column("policy", "POLICY", 0, "left"),) if policy else ()),
        Column("computed", "COMPUTED", 0),
        Column("whole", "WHOLE RUN", 0),
        Column("ttft", "TTFT", 0),
        Column("p95", "P95", 0),
        Column("rate", "REQ/S", 0),
        Column("hit", "HIT RATE", 0),
        Column("evicted", "EVICTED", 0),
        Column("blocks", "BLOCK HITS", 0),
        Column("bracket", "LRU TO OPTIMUM", 0),
        Column("paid", "COMPUTED", 0),
    )
    rows = [_swept(one, keys, fastest, policy=policy) for one in report.predictions]
    choices = [
        f"{choice.policy} at {choice.settings['gpu_blocks']:,} blocks: {choice.reason.text}"
        for choice in report.choices
    ]
    about = f"{report.requests:,} requests, {report.prompt_tokens:,} prompt tokens"
    return (
        _heading("Settings", f"{about} of {plain(report.workload)}"),
        *table_lines(columns, rows, width),
        *_sentences(choices, width),
        *_note_lines(result.notes, width),
    )


def _varied(predictions: Iterable[Prediction]) -> tuple[str, ...]:
    """The settings to tell predictions apart by; the block size is always one."""
    values: dict[str, set[object]] = {}
    for one in predictions:
        for key, value in one.settings.items():
            values.setdefault(key, set()).add(value)
    varied = [key for key, seen in values.items() if len(seen) > 1]
    return tuple(dict.fromkeys(("tokens_per_block", *varied)))


def _swept(
    one: Prediction, keys: tuple[str, ...], fastest: float | None, *, policy: bool
) -> tuple[Span, ...]:
    bracket = one.bracket
    is_fastest = fastest is not None and one.makespan_ms == fastest
    whole = milliseconds(one.makespan_ms, one.times_label)
    between = (
        marked(
            f"{percent_text(bracket.default_lru)} to {percent_text(bracket.optimum)}", "predicted"
        )
        if bracket
        else NOTHING
    )
    return (
        *(_setting(one.settings, key) for key in keys),
        *((Span(one.policy or ""),) if policy else ()),
        count(one.computed_tokens, "predicted"),
        Span(f"▸ {whole.text}", "good") if is_fastest else whole,
        milliseconds(one.ttft_ms_mean, one.times_label),
        milliseconds(one.ttft_ms_p95, one.times_label),
        per_second(one.requests_per_s, one.times_label),
        percent(one.token_hit_rate, "predicted"),
        count(sum(one.evictions_by_priority.values()), "predicted"),
        percent(one.block_hit_rate, "predicted"),
        between,
        NOTHING if bracket is None else marked(_computed_between(one, bracket), "predicted"),
    )


def _computed_between(one: Prediction, ends: Bracket) -> str:
    lower, upper = (f"{one.computed_at(rate):,}" for rate in (ends.default_lru, ends.optimum))
    return f"{lower} to {upper}"


def learn_lines(result: LearnResult, width: int) -> tuple[Line, ...]:
    """When the prompts of each call come back, and how well that is known."""
    report = result.report
    columns = (
        Column("call", "CALL", 0, "left"),
        Column("requests", "REQUESTS", 0),
        Column("median", "MEDIAN REUSE TIME", 0),
        Column("never", "NEVER AGAIN", 0),
        Column("explained", "EXPLAINED", 0),
        Column("shared", "SHARED TOKENS", 0),
        Column("again", "BY OTHER SESSIONS", 0),
    )
    about = f"{report.requests:,} requests of {report.sessions:,} sessions"
    written = result.reuse_times_written
    kept = f"Written to {written.path}." if written else "Not kept: no file was named to write to."
    usable = (
        "" if report.usable else " Little: plans stay with the default unless a gain is predicted."
    )
    explained = percent(report.explained, "predicted").text
    telling = f"Most telling: {', '.join(report.telling)}." if report.telling else ""
    return (
        _heading("Reuse times", about),
        *table_lines(columns, [_learnt(node) for node in report.nodes], width),
        EMPTY,
        *_sentences(
            (
                f"Explains {explained} of when sessions not seen return.{usable}",
                *((telling,) if telling else ()),
                kept,
            ),
            width,
        ),
        *_note_lines(result.notes, width),
    )


def _learnt(node: NodeReuseTime) -> tuple[Span, ...]:
    return (
        Span(plain(node.node) or "(unnamed)"),
        count(node.own.requests, "measured"),
        _median(node.own),
        percent(node.own.never_share, node.own.label),
        percent(node.explained, "predicted"),
        count(node.shared_tokens, "measured"),
        _median(node.shared) if node.shared_tokens else NOTHING,
    )


def _median(time: ReuseTime) -> Span:
    if time.median_s is None:
        return marked("never", time.label)
    return milliseconds(time.median_s * 1000, time.label)


def calibration_lines(result: CalibrateResult, width: int) -> tuple[Line, ...]:
    """The fitted times, and how far they are off."""
    fitted = result.calibration
    model = fitted.model
    columns = (Column("figure", "FIGURE", 0, "left"), Column("value", "FITTED", 0))
    times = (
        ("overhead of a request", model.overhead),
        ("prefill of 1,000 tokens", model.prefill_ms(1000, 0)),
        ("prefill of 1,000 tokens after 10,000", model.prefill_ms(1000, 10_000)),
        ("decoding a token", model.step_ms(0)),
        ("decoding a token after 10,000", model.step_ms(10_000)),
    )
    rows = [(Span(name), milliseconds(value, model.label)) for name, value in times]
    rows.append((Span("TTFT is off by, on average"), percent(fitted.ttft_error, "measured")))
    if fitted.decode_error is not None:
        off = percent(fitted.decode_error, "measured")
        rows.append((Span("decoding is off by, on average"), off))
    return (
        _heading("Times", f"fitted to {fitted.requests:,} requests"),
        *table_lines(columns, rows, width),
        EMPTY,
        *_sentences(("Predictions use these times until the next run is measured.",), width),
        *_note_lines(result.notes, width),
    )


def bench_lines(report: BenchReport, width: int) -> tuple[Line, ...]:
    """The variants side by side, whole time first, then what each lever brings."""
    columns = (
        Column("variant", "VARIANT", 0, "left"),
        Column("computed", "COMPUTED", 0),
        Column("whole", "WHOLE TIME", 0),
        Column("ttft", "TTFT P50", 0),
        Column("p95", "P95", 0),
        Column("generated", "GENERATED", 0),
        Column("hit", "HIT RATE", 0),
        Column("requests", "REQUESTS", 0),
        Column("rate", "REQ/S", 0),
        Column("predicted", "PREDICTED", 0),
        Column("computed-predicted", "COMPUTED", 0),
        Column("failures", "FAILED", 0),
        Column("what", "", 0, "left"),
    )
    whole = [one.elapsed_ms for one in report.variants if one.elapsed_ms]
    fastest = min(whole, default=0.0)
    rows = [_variant(one, fastest) for one in report.variants]
    errors = [f"{one.name}: {error}" for one in report.variants for error in one.errors]
    so_far = f"{report.lost or 'Cancelled'}: these are the figures so far."
    return (
        _heading("Variants", f"{report.iterations} iterations on {plain(report.target)}"),
        *table_lines(columns, rows, width),
        *([line(Span(so_far, "warning"))] if not report.complete else []),
        *(line(Span(plain(text), "bad")) for text in errors[:SHOWN_ERRORS]),
        *_lever_lines(report.levers, width),
        EMPTY,
        *_sentences((f"Inputs: {report.inputs}.", *report.notes), width),
    )


def _variant(one: VariantReport, fastest: float) -> tuple[Span, ...]:
    whole = milliseconds(one.elapsed_ms or None, "measured")
    is_fastest = bool(one.elapsed_ms) and one.elapsed_ms == fastest
    return (
        Span(plain(one.name), "strong"),
        count(one.computed_tokens, "measured"),
        Span(f"▸ {whole.text}", "good") if is_fastest else whole,
        milliseconds(one.ttft_ms.p50 if one.ttft_ms else None, "measured"),
        milliseconds(one.ttft_ms.p95 if one.ttft_ms else None, "measured"),
        count(one.output_tokens, "measured"),
        percent(one.token_hit_rate, "measured"),
        count(one.requests, "measured"),
        marked(f"{one.requests_per_s:.2f}", "measured"),
        percent(one.predicted_token_hit_rate, "predicted"),
        count(one.predicted_computed_tokens, "predicted"),
        count(one.failures, "measured") if one.failures else NOTHING,
        Span(plain(one.what), "muted"),
    )


def _lever_lines(levers: Iterable[LeverShare], width: int) -> tuple[Line, ...]:
    rows = [
        (
            Span(one.lever.replace("_", " ")),
            _signed(one.computed_tokens_saved),
            _saved(one.whole_ms_saved),
            _saved(one.ttft_ms_saved),
            _saved(one.ttft_p95_ms_saved),
            NOTHING
            if one.token_hit_rate_gained is None
            else marked(f"{signed(one.token_hit_rate_gained * 100, 1)} pt", "measured"),
            Span(one.note, "muted"),
        )
        for one in levers
    ]
    if not rows:
        return ()
    columns = (
        Column("lever", "LEVER", 0, "left"),
        Column("computed", "TOKENS SAVED", 0),
        Column("whole", "TIME", 0),
        Column("ttft", "TTFT", 0),
        Column("p95", "P95", 0),
        Column("hit", "HIT RATE", 0),
        Column("note", "", 0, "left"),
    )
    return (
        EMPTY,
        _heading("Levers", "what is lost with one switched off"),
        *table_lines(columns, rows, width),
    )


def _signed(value: float | None) -> Span:
    return NOTHING if value is None else marked(f"{value:,.0f}".replace("-", "−"), "measured")


def _saved(value: float | None) -> Span:
    if value is None:
        return NOTHING
    sign = "−" if value < 0 else ""
    return marked(f"{sign}{milliseconds_text(abs(value))}", "measured")


def _heading(title: str, about: str) -> Line:
    return line(Span(title, "title"), Span(f"  {about}", "muted"))


def _sentences(texts: Iterable[str], width: int) -> list[Line]:
    return [line(Span(part, "muted")) for text in texts for part in wrap(text, max(20, width))]


def _note_lines(notes: Iterable[Note], width: int) -> list[Line]:
    lines: list[Line] = []
    for note in notes:
        lines += [line(Span(text, "warning")) for text in wrap(f"! {note.message}", width)]
        lines += [line(Span(f"  {text}", "muted")) for text in wrap(note.remedy, width - 2) if text]
    return lines


_LINES_OF: Final[Mapping[WorkKind, Callable[[Any, int], tuple[Line, ...]]]] = {
    "predict": sweep_lines,
    "learn": learn_lines,
    "calibrate": calibration_lines,
    "bench": bench_lines,
    "answers": answers_lines,
}
