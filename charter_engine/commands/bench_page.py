"""A benchmark's report as one self-contained HTML page with plots."""

import html
import io
from collections.abc import Callable, Sequence
from typing import Any

from charter_engine.commands.bench_report import HEADER, sentences, variant_rows
from charter_engine.contracts.benching import BenchReport, Percentiles, VariantReport

COLOURS = ("#4c72b0", "#dd8452", "#55a868")
STYLE = """
body {
  font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 72rem;
  color: #222; background: #fff
}
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem }
th, td { padding: 0.25rem 0.6rem; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left }
figure { display: inline-block; margin: 1rem 1rem 1rem 0 }
svg { max-width: 100%; height: auto }
.table { overflow-x: auto }
"""

Bars = Sequence[tuple[str, Sequence[float | None]]]


class PlotsUnavailable(Exception):
    """matplotlib is not installed."""


def page_of(report: BenchReport) -> str:
    """The whole page. Raises `PlotsUnavailable`."""
    figures = "".join(f"<figure>{plot}</figure>" for plot in _plots(report))
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in sentences(report))
    title = html.escape(f"Charter: {report.agent}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>'
        f"<body><h1>{title}</h1>{_table(report)}{figures}{lines}</body></html>\n"
    )


def _table(report: BenchReport) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(row(cells, "td") for cells in variant_rows(report))
    return f'<div class="table"><table>{row(HEADER, "th")}{body}</table></div>'


def _plots(report: BenchReport) -> list[str]:
    variants = report.variants
    names = [one.name for one in variants]
    return [
        _bars(
            names,
            "Time to first token, ms (measured)",
            _percentiles(variants, lambda one: one.ttft_ms),
        ),
        _bars(names, "Latency, ms (measured)", _percentiles(variants, lambda one: one.latency_ms)),
        _bars(
            names,
            "Token hit rate, %",
            [
                ("measured", [_per_cent(one.token_hit_rate) for one in variants]),
                ("predicted", [_per_cent(one.predicted_token_hit_rate) for one in variants]),
                ("bound", [_per_cent(one.bound) for one in variants]),
            ],
        ),
        _bars(
            names,
            "Prompt tokens/s (measured)",
            [("", [one.prompt_tokens_per_s for one in variants])],
        ),
        _bars(
            names,
            "Peak tokens in blocks in use (measured)",
            [("", [_peak_tokens(one) for one in variants])],
        ),
    ]


def _percentiles(
    variants: Sequence[VariantReport], of: Callable[[VariantReport], Percentiles | None]
) -> Bars:
    found = [of(one) for one in variants]
    return [
        (name, [None if one is None else getattr(one, name) for one in found])
        for name in ("p50", "p95", "p99")
    ]


def _peak_tokens(one: VariantReport) -> float | None:
    if one.peak_blocks is None or one.tokens_per_block is None:
        return None
    return float(one.peak_blocks * one.tokens_per_block)


def _per_cent(value: float | None) -> float | None:
    return None if value is None else 100 * value


def _bars(names: Sequence[str], title: str, series: Bars) -> str:
    """A grouped bar chart as an SVG element; what is not known has no bar."""
    figure = _figure()
    axes = figure.subplots()
    width = 0.8 / len(series)
    for number, (label, values) in enumerate(series):
        places = [index + (number - (len(series) - 1) / 2) * width for index in range(len(names))]
        known = [
            (place, value) for place, value in zip(places, values, strict=True) if value is not None
        ]
        bars = axes.bar(
            [place for place, _ in known],
            [value for _, value in known],
            width,
            label=label,
            color=COLOURS[number],
        )
        axes.bar_label(bars, fmt="%.3g", fontsize=7)
    axes.set_title(title, fontsize=10)
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    if len(series) > 1:
        axes.legend(fontsize=7, frameon=False)
    image = io.StringIO()
    figure.savefig(image, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = image.getvalue()
    return text[text.index("<svg") :]


def _figure() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise PlotsUnavailable("the HTML page needs matplotlib") from None
    return Figure(figsize=(5.2, 3.2))
