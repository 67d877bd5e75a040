"""What requests are compared by."""

from typing import Literal

from msgspec import Struct

RequestFigure = Literal[
    "computed tokens",
    "prompt tokens",
    "hit rate",
    "TTFT ms",
    "whole ms",
    "output tokens",
    "failed",
]
"""What requests are compared by: of one request, but for the hit rate and the share that failed."""


class FigureDifference(Struct, frozen=True, kw_only=True):
    """The second minus the first of one figure, of a `node` or of all requests (empty), with the
    95 % interval of the difference; None where too few requests tell."""

    figure: RequestFigure
    node: str = ""
    before: float | None = None
    after: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None


class NodeFigure(Struct, frozen=True, kw_only=True):
    """One figure of a node's requests, or of all requests (no node)."""

    figure: RequestFigure
    node: str = ""
    value: float | None = None
