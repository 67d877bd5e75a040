"""A page on a benchmark: what a plan is worth, said first."""

from collections.abc import Callable, Iterator, Sequence

from charter_engine.commands.bench_report import (
    headline,
    node_rows,
    sentences,
    signed,
    variant_rows,
)
from charter_engine.commands.outcome import UNKNOWN
from charter_engine.commands.pages.page import (
    folded,
    grid,
    page,
    paragraphs,
    section,
    side_by_side,
    table,
    verdict,
)
from charter_engine.commands.pages.paid import paid, paid_by_requests
from charter_engine.commands.pages.plots import BarSeries, bars
from charter_engine.commands.recording_report import DIFFERENCE_HEADER, difference_rows
from charter_engine.contracts.benching import (
    BenchReport,
    LeverShare,
    Percentiles,
    VariantReport,
)

NODE_HEADER = (
    "node",
    "variant",
    "requests",
    "computed",
    "TTFT p50 ms",
    "p95",
    "latency p50 ms",
    "hit rate",
    "bound",
)
LEVER_HEADER = ("", "computed", "whole ms", "TTFT ms", "p95", "hit rate", "")
FIGURES = (
    "requests",
    "prompt tokens computed",
    "whole time s",
    "TTFT ms, p50",
    "TTFT ms, p95",
    "TTFT ms, p99",
    "latency ms, p50",
    "latency ms, p95",
    "latency ms, p99",
    "tokens generated",
    "token hit rate",
    "its bound",
    "predicted token hit rate",
    "prompt tokens predicted to be computed",
    "block hit rate",
    "predicted block hit rate",
    "requests a second",
    "prompt tokens a second",
    "peak of blocks in use",
)
"""What the rows of a variant are, behind its name."""


def page_of(report: BenchReport) -> str:
    """The whole page."""
    said = headline(report)
    where = (
        f"{report.target}: {report.iterations} iterations of {report.items_per_iteration} items, "
        f"{report.inputs}"
    )
    rows = sorted(node_rows(report), key=_node_order(report))
    return page(
        f"Charter: {report.agent}",
        (
            verdict(said.words, worth=said.worth),
            paid(paid_by_requests(report.differences)),
            paragraphs([where], "faint"),
            section("What a request costs, as written (A) and under the plan (B)", _costs(report)),
            section("What is paid", grid(_paid(report.variants))),
            section("Where it comes from", grid(_reuse(report.variants))),
            section("Every variant", _variants(report)),
            section("By node", table(NODE_HEADER, rows) if rows else "", _by_node(report)),
            section("What each lever brings", _levers(report.levers)),
            section("Prompts before and after", *_examples(report)),
            folded("The small print", paragraphs(sentences(report))),
        ),
    )


def _variants(report: BenchReport) -> str:
    """A column a variant: there are more figures than a page is wide."""
    names, *figures = zip(*variant_rows(report), strict=True)
    rows = [(name, *values) for name, values in zip(FIGURES, figures, strict=True)]
    return table(("", *names), rows)


def _levers(levers: Sequence[LeverShare]) -> str:
    """What the plan loses with one of them put back."""
    rows = [
        (
            one.lever.replace("_", " "),
            *(
                UNKNOWN if saved is None else signed(0.0 - saved, digits)
                for saved, digits in (
                    (one.computed_tokens_saved, 0),
                    (one.whole_ms_saved, 0),
                    (one.ttft_ms_saved, 1),
                    (one.ttft_p95_ms_saved, 1),
                )
            ),
            UNKNOWN
            if one.token_hit_rate_gained is None
            else f"{100 * one.token_hit_rate_gained:+.1f} pt",
            one.note,
        )
        for one in levers
    ]
    return table(LEVER_HEADER, rows) if rows else ""


def _node_order(report: BenchReport) -> Callable[[tuple[str, ...]], int]:
    """Node by node, as they stand in the agent; of each, the variants in turn."""
    nodes = dict.fromkeys(node.node for one in report.variants for node in one.nodes)
    places = {node: place for place, node in enumerate(nodes)}
    return lambda row: places[row[0]]


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
            yield folded(node, side_by_side(sides))


def _paid(variants: Sequence[VariantReport]) -> Iterator[str]:
    names = [one.name for one in variants]
    computed = [
        BarSeries("measured", [one.computed_tokens for one in variants]),
        BarSeries("predicted", [one.predicted_computed_tokens for one in variants]),
    ]
    yield bars("Prompt tokens computed", "tokens", names, computed)
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


def _peak_tokens(one: VariantReport) -> float | None:
    if one.peak_blocks is None or one.tokens_per_block is None:
        return None
    return float(one.peak_blocks * one.tokens_per_block)


def _per_cent(value: float | None) -> float | None:
    return None if value is None else 100 * value
