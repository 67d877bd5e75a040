"""A page on a benchmark: what a plan is worth, said first."""

from collections.abc import Callable, Iterator, Sequence

from charter_engine.commands.bench_report import (
    HEADER,
    headline,
    node_rows,
    sentences,
    variant_rows,
)
from charter_engine.commands.pages.page import (
    folded,
    grid,
    page,
    paragraphs,
    section,
    table,
    text,
    verdict,
)
from charter_engine.commands.pages.plots import BarSeries, bars
from charter_engine.commands.recording_report import DIFFERENCE_HEADER, difference_rows
from charter_engine.contracts.benching import BenchReport, Percentiles, VariantReport

NODE_HEADER = ("node", "variant", "requests", "hit rate", "bound", "TTFT p50 ms", "p95")


def page_of(report: BenchReport) -> str:
    """The whole page."""
    said = headline(report)
    where = (
        f"{report.target}: {report.iterations} iterations of {report.items_per_iteration} items, "
        f"{report.inputs}"
    )
    rows = node_rows(report)
    return page(
        f"Charter: {report.agent}",
        (
            verdict(said.words, worth=said.worth),
            paragraphs([where], "faint"),
            section("What a request costs, as written (A) and under the plan (B)", _costs(report)),
            section("What is paid", grid(_paid(report.variants))),
            section("Where it comes from", grid(_reuse(report.variants))),
            section("Every variant", table(HEADER, variant_rows(report))),
            section("By node", table(NODE_HEADER, rows) if rows else "", _by_node(report)),
            section("Prompts before and after", *_examples(report)),
            folded("The small print", paragraphs(sentences(report))),
        ),
    )


def _costs(report: BenchReport) -> str:
    whole = [one for one in report.differences if not one.node]
    return table(DIFFERENCE_HEADER, difference_rows(whole)) if whole else ""


def _by_node(report: BenchReport) -> str:
    nodes = [one for one in report.differences if one.node]
    rows = table(DIFFERENCE_HEADER, difference_rows(nodes)) if nodes else ""
    return folded("Each node as written (A) and under the plan (B), with intervals", rows)


def _examples(report: BenchReport) -> Iterator[str]:
    """The first prompt of each node, as written and under the plan, folded."""
    of = {one.name: {node.node: node.example for node in one.nodes} for one in report.variants}
    for node, before in of.get("source", {}).items():
        after = of.get("plan", {}).get(node, "")
        if before and after:
            sides = (("as written", before), ("under the plan", after))
            shown = "".join(
                f"<h3>{text(name)}</h3><pre>{text(words)}</pre>" for name, words in sides
            )
            yield folded(node, shown)


def _paid(variants: Sequence[VariantReport]) -> Iterator[str]:
    names = [one.name for one in variants]
    computed = [_computed(one) for one in variants]
    yield bars("Prompt tokens computed", "tokens, measured", names, [BarSeries("", computed)])
    whole = [one.elapsed_ms / 1000 or None for one in variants]
    yield bars("Whole time", "s, measured", names, [BarSeries("", whole)])
    for title, of in (
        ("Time to first token", lambda one: one.ttft_ms),
        ("Latency", lambda one: one.latency_ms),
    ):
        yield bars(title, "ms, measured", names, _percentiles(variants, of))


def _reuse(variants: Sequence[VariantReport]) -> Iterator[str]:
    names = [one.name for one in variants]
    rates = [
        BarSeries("measured", [_per_cent(one.token_hit_rate) for one in variants]),
        BarSeries("predicted", [_per_cent(one.predicted_token_hit_rate) for one in variants]),
        BarSeries("bound", [_per_cent(one.bound) for one in variants]),
    ]
    yield bars("Token hit rate", "%", names, rates)
    speeds = [one.prompt_tokens_per_s or None for one in variants]
    yield bars("Prompt tokens a second", "measured", names, [BarSeries("", speeds)])
    peaks = [_peak_tokens(one) for one in variants]
    yield bars("Peak of tokens in blocks in use", "measured", names, [BarSeries("", peaks)])


def _percentiles(
    variants: Sequence[VariantReport], of: Callable[[VariantReport], Percentiles | None]
) -> list[BarSeries]:
    found = [of(one) for one in variants]
    return [
        BarSeries(name, [None if one is None else getattr(one, name) for one in found])
        for name in ("p50", "p95", "p99")
    ]


def _computed(one: VariantReport) -> float | None:
    return None if one.token_hit_rate is None else one.prompt_tokens * (1 - one.token_hit_rate)


def _peak_tokens(one: VariantReport) -> float | None:
    if one.peak_blocks is None or one.tokens_per_block is None:
        return None
    return float(one.peak_blocks * one.tokens_per_block)


def _per_cent(value: float | None) -> float | None:
    return None if value is None else 100 * value
