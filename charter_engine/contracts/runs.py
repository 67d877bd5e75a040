"""Runs as objects: what each cost, and how two of them differ."""

from typing import Literal

from msgspec import Struct

from charter_engine.contracts.costs import RunCost, Verdict
from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.plan import Lever, Plan
from charter_engine.contracts.request_figures import FigureDifference

RunFigure = Literal[
    "computed_tokens",
    "whole_ms",
    "item_ms",
    "ttft_ms",
    "ttft_ms_p95",
    "output_tokens",
    "token_hit_rate",
]
"""What two runs are compared by, what is paid first."""


class RunSummary(Struct, frozen=True, kw_only=True):
    """A run without its requests.

    `number` names it among the runs kept on this machine. `as_written`: layouts and retention were
    those of the source, whatever was live; the server's settings were those of `revision`.
    `earlier` counts the runs that the same cache had served before (None: nobody knows): what they
    left in it was reused.
    """

    number: int
    run: str
    variant: str
    state: str
    as_written: bool
    agent: str = ""
    fingerprint: str = ""
    deployment: str = ""
    revision: int = 0
    started_at: float = 0.0
    earlier: int | None = None
    cost: RunCost = RunCost()


class RunList(Struct, frozen=True):
    """Runs, the latest first: what `charter-engine runs list --json` prints."""

    runs: tuple[RunSummary, ...] = ()


class RunDetail(Struct, frozen=True, kw_only=True):
    """A run with its requests, in the order they were sent, what it was made under (None: nobody
    kept it), and what went wrong."""

    summary: RunSummary
    plan: Plan | None = None
    requests: tuple[RequestRecord, ...] = ()
    errors: tuple[str, ...] = ()


class Interval(Struct, frozen=True):
    """What 95 of 100 repetitions are expected to lie within."""

    low: float
    high: float


class RunDifference(Struct, frozen=True, kw_only=True):
    """One figure of two runs.

    `change` is relative to `before` (0.5: half as much again), of the hit rate the difference.
    `interval` is that of the change, by the bootstrap over items; None where there are too few.
    """

    figure: RunFigure
    before: float | None
    after: float | None
    change: float | None = None
    interval: Interval | None = None


class RunComparison(Struct, frozen=True, kw_only=True):
    """Two runs side by side, and node by node what a request of theirs cost. `levers` are those
    that their plans set otherwise; `notes` say what makes them hard to compare."""

    before: RunSummary
    after: RunSummary
    verdict: Verdict
    differences: tuple[RunDifference, ...] = ()
    nodes: tuple[FigureDifference, ...] = ()
    levers: tuple[Lever, ...] = ()
    notes: tuple[str, ...] = ()
