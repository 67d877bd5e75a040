"""A benchmark's report as a table."""

from collections.abc import Iterable

from charter_engine.commands.cost_report import number, seconds
from charter_engine.contracts.benching import (
    Batch,
    BenchReport,
    LeverShare,
    Percentiles,
    VariantReport,
)
from charter_engine.contracts.costs import Verdict

Rows = list[tuple[str, ...]]
HEADER = (
    "variant",
    "requests",
    "computed",
    "whole s",
    "TTFT p50",
    "p95",
    "p99",
    "latency p50",
    "p95",
    "p99",
    "generated",
    "hit rate",
    "bound",
    "predicted",
    "computed",
    "blocks hit",
    "predicted",
    "req/s",
    "prompt tok/s",
    "peak blocks",
)
UNTOLD = "-"


def variant_rows(report: BenchReport) -> Rows:
    """One row a variant, under `HEADER`: what is paid first. Times in ms but the whole, in seconds;
    hit rates of tokens, with what is predicted of them, then of blocks."""
    return [
        (
            one.name,
            str(one.requests),
            number(one.computed_tokens),
            seconds(one.elapsed_ms or None),
            *_times(one.ttft_ms),
            *_times(one.latency_ms),
            number(one.output_tokens),
            rate(one.token_hit_rate),
            rate(one.bound),
            rate(one.predicted_token_hit_rate),
            number(one.predicted_computed_tokens),
            rate(one.block_hit_rate),
            rate(one.predicted_block_hit_rate),
            f"{one.requests_per_s:.2f}",
            f"{one.prompt_tokens_per_s:.0f}",
            UNTOLD if one.peak_blocks is None else str(one.peak_blocks),
        )
        for one in report.variants
    ]


def headline(report: BenchReport) -> Verdict:
    """What the plan pays against the agent as written; no words where either was not measured."""
    from charter_engine.api.runs import variant_verdict

    by_name = {one.name: one for one in report.variants}
    plan, source = by_name.get("plan"), by_name.get("source")
    if plan is None or source is None:
        return Verdict()
    said = variant_verdict(source, plan)
    return Verdict(f"plan against source, as written: {said.words}", said.worth)


def node_rows(report: BenchReport) -> Rows:
    """One row a node and variant: requests, tokens computed, TTFT, latency, hit rate, bound."""
    return [
        (
            node.node,
            one.name,
            str(node.requests),
            number(node.computed_tokens),
            *_times(node.ttft_ms)[:2],
            _times(node.latency_ms)[0],
            rate(node.token_hit_rate),
            rate(node.bound),
        )
        for one in report.variants
        for node in one.nodes
    ]


def sentences(report: BenchReport) -> Iterable[str]:
    """What the table does not say."""
    yield (
        f"{report.agent} on {report.target}: {report.iterations} iterations of "
        f"{report.items_per_iteration} items"
    )
    yield f"inputs: {report.inputs}"
    yield (
        "measured, except: bound (what layout and inputs allow, counted on the prompts sent) "
        "and predicted (hit rates by the block manager, replayed on the prompts sent)"
    )
    yield (
        "peak blocks: most in use by requests, sampled ten times a second; idle cached blocks "
        "count as free"
    )
    yield from _gains(report)
    yield from _levers(report)
    if report.batch is not None:
        yield from _batch(report.batch)
    yield from _drift(report.variants)
    for one in report.variants:
        yield from (f"{one.name}: {error}" for error in one.errors[:3])
    yield from report.notes
    if not report.complete:
        yield f"{report.lost or 'interrupted'}: these are the figures so far"


def rate(value: float | None) -> str:
    """A share in per cent."""
    return UNTOLD if value is None else f"{value:.1%}"


def _times(values: Percentiles | None) -> tuple[str, str, str]:
    if values is None:
        return (UNTOLD, UNTOLD, UNTOLD)
    return (f"{values.p50:.0f}", f"{values.p95:.0f}", f"{values.p99:.0f}")


def _gains(report: BenchReport) -> Iterable[str]:
    by_name = {one.name: one for one in report.variants}
    plan, baseline = by_name.get("plan"), by_name.get("baseline")
    if words := headline(report).words:
        yield words
    if plan is None or baseline is None or plan.ttft_ms is None or baseline.ttft_ms is None:
        return
    yield (
        "plan against baseline: "
        f"TTFT {1 - plan.ttft_ms.mean / baseline.ttft_ms.mean:.0%} lower on average, "
        f"{1 - plan.ttft_ms.p50 / baseline.ttft_ms.p50:.0%} at the median"
    )
    if plan.share_of_bound is not None:
        yield f"plan reaches {plan.share_of_bound:.1%} of its bound"


def _levers(report: BenchReport) -> Iterable[str]:
    for lever in report.levers:
        if lever.token_hit_rate_gained is None and lever.ttft_ms_saved is None:
            yield f"lever {lever.lever}: {lever.note}"
            continue
        yield (
            f"lever {lever.lever}: saves {signed(lever.computed_tokens_saved)} prompt tokens "
            f"computed, {signed(lever.whole_ms_saved)} ms of the whole, "
            f"{signed(lever.ttft_ms_saved, 1)} ms of TTFT, {signed(lever.ttft_p95_ms_saved, 1)} "
            f"of its p95; {signed(_points(lever), 1)} points of hit rate ({lever.note})"
        )


def signed(value: float | None, digits: int = 0) -> str:
    """A difference with its sign."""
    return UNTOLD if value is None else f"{value:+,.{digits}f}"


def _points(lever: LeverShare) -> float | None:
    return None if lever.token_hit_rate_gained is None else 100 * lever.token_hit_rate_gained


def _batch(batch: Batch) -> Iterable[str]:
    for cell in batch.cells:
        how = f"{cell.concurrency} at once" if cell.concurrency > 1 else "one after another"
        yield (
            f"batch, {cell.variant}, {how}: {number(cell.computed_tokens)} prompt tokens computed, "
            f"{seconds(cell.elapsed_ms)} s, TTFT {number(cell.prefill_ms)} ms, p95 "
            f"{number(cell.ttft_p95_ms)}, {cell.requests_per_s:.2f} req/s, hit rate "
            f"{rate(cell.token_hit_rate)}"
        )
    yield (
        f"a batch under the plan runs {batch.gain:.2f} times as fast as its items one after "
        "another without reuse: "
        f"concurrency alone {batch.concurrency_gain:.2f}, reuse alone {batch.reuse_gain:.2f}"
    )
    if batch.prefill_gain is not None and batch.prefill_limit is not None:
        yield (
            f"prefill is {batch.prefill_gain:.2f} times as fast by reuse, "
            f"{batch.prefill_gain / batch.prefill_limit:.0%} of the {batch.prefill_limit:.2f} that "
            "1/(1-r) allows"
        )


def _drift(variants: Iterable[VariantReport]) -> Iterable[str]:
    drifts = [one.drift for one in variants if one.drift is not None]
    outputs = sum(one.outputs for one in drifts)
    if outputs:
        differing = sum(one.differing for one in drifts)
        behind = sum(one.tokens_behind for one in drifts)
        yield (
            f"retokenisation drift: {differing} of {outputs} outputs encode to other tokens "
            f"than were generated ({behind} tokens behind the first difference); "
            "a continued prompt is sent the generated tokens themselves"
        )
