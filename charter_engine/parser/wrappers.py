"""Which functions are wrappers: their prompt comes from the caller, the model's answer goes back."""

from __future__ import annotations

from charter_engine.parser.core import Analysis, Visit, parameters_in
from charter_engine.parser.symbols import FunctionDefinition
from charter_engine.parser.values import Hole, Static, Value

OWN_TEXT = 60
"""A function that adds more characters of its own to what it is given is a step with a prompt, not a wrapper."""


def wraps(analysis: Analysis, definition: FunctionDefinition, result: Value, visits: list[Visit]) -> list[int]:
    """The sites that a wrapper's call leads to, outermost first; empty: `definition` is no wrapper."""
    answered = {site for origin in result.all_origins() for site, _ in origin.chain if site >= 0}
    own = {number for (function, _), number in analysis.parameters.items() if function is definition}
    for visit in visits:
        if visit.site in answered and passes_on(visit, own):
            site = analysis.sites[visit.site]
            return [site.number]
    return []


def passes_on(visit: Visit, own: set[int]) -> bool:
    """Whether a prompt is what the caller gave, with at most a fixed system message beside it."""
    given = False
    written = 0
    for role, value in visit.prompt:
        if parameters_in(value.all_origins()) & own:
            given = True
        if role != "system":
            written += own_text(value)
    return given and written <= OWN_TEXT


def own_text(value: Value) -> int:
    total = 0
    for piece in value.pieces or ():
        if isinstance(piece, Static):
            total += len(piece.text.strip())
        elif isinstance(piece, Hole):
            total += own_text(piece.value)
    return total
