"""What runs cost, in columns that every command prints alike: what is paid first."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from charter_engine.contracts.costs import RunCost
    from charter_engine.contracts.plan import Lever
    from charter_engine.contracts.runs import RunDifference, RunFigure, RunSummary

UNTOLD = "-"
NAMES: "dict[RunFigure, str]" = {
    "computed_tokens": "computed tokens",
    "whole_ms": "whole run s",
    "item_ms": "time of an item s",
    "ttft_ms": "TTFT ms",
    "ttft_ms_p95": "TTFT ms, p95",
    "output_tokens": "generated tokens",
    "token_hit_rate": "token hit rate",
}

RUN_HEADER = ("", "A", "B", "change", "95 % within")
"""The columns of `difference_cells`."""


def what(run: "RunSummary") -> str:
    """What a run was made under."""
    return "as written" if run.as_written else f"a plan, revision {run.revision}"


def lever_words(levers: "Iterable[Lever]") -> str:
    """Levers in a line."""
    return ", ".join(lever.replace("_", " ") for lever in levers)


def cost_header() -> tuple[str, ...]:
    """The columns of `cost_cells`."""
    return ("computed", "whole s", "per item s", "TTFT ms", "p95", "generated", "token hits")


def cost_cells(cost: "RunCost") -> tuple[str, ...]:
    """What is paid: prompt tokens computed, time, generated tokens; then the hit rate."""
    return (
        number(cost.computed_tokens),
        seconds(cost.whole_ms),
        seconds(cost.whole_ms_per_item),
        UNTOLD if cost.ttft_ms is None else f"{cost.ttft_ms:,.1f}",
        UNTOLD if cost.ttft_ms_p95 is None else f"{cost.ttft_ms_p95:,.1f}",
        number(cost.output_tokens),
        UNTOLD if cost.token_hit_rate is None else f"{cost.token_hit_rate:.1%}",
    )


def difference_cells(one: "RunDifference") -> tuple[str, ...]:
    """A figure of two runs, its change, and what that lies within."""
    before, after = shown(one, one.before), shown(one, one.after)
    change = UNTOLD if one.change is None else f"{100 * one.change:+.1f} {_unit(one)}"
    return (NAMES[one.figure], before, after, change, _within(one))


def number(value: float | None) -> str:
    """A whole number with its thousands set apart."""
    return UNTOLD if value is None else f"{value:,.0f}"


def seconds(value: float | None) -> str:
    """Milliseconds, shown in seconds."""
    return UNTOLD if value is None else f"{value / 1000:,.2f}"


def shown(one: "RunDifference", value: float | None) -> str:
    """A value of a figure in its unit."""
    if value is None:
        return UNTOLD
    match one.figure:
        case "whole_ms" | "item_ms":
            return seconds(value)
        case "ttft_ms" | "ttft_ms_p95":
            return f"{value:,.1f}"
        case "token_hit_rate":
            return f"{value:.1%}"
        case _:
            return number(value)


def _within(one: "RunDifference") -> str:
    if one.interval is None:
        return UNTOLD
    return f"{100 * one.interval.low:+.1f} to {100 * one.interval.high:+.1f} {_unit(one)}"


def _unit(one: "RunDifference") -> str:
    return "pt" if one.figure == "token_hit_rate" else "%"
