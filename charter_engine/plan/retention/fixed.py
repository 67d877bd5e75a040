"""The policies that need no estimate: the fixed points operators know, and steps to execution."""

from collections.abc import Mapping, Sequence

from charter_engine.bls.retention import DEFAULT_PRIORITY
from charter_engine.contracts.graph import Call
from charter_engine.prompts.assembly import HEADING, Piece

SYSTEM_PROMPT = 100
LOOP_INVARIANT = 95
SHARED_PREFIX = 85
CHAIN_CONTEXT = 75
SHARED_PREFIX_TOKENS = 500
FIRST_STEP = 95
PER_STEP = 10
"""Assumed fixed points, of 0 to 100 with 35 for what nobody asked for: what more calls share is
kept above what fewer do, and each step that something is away costs ten."""


def static_priority(piece: Piece, position: int, tokens: int, calls: Mapping[str, Call]) -> int:
    """The fixed point of a planned segment: `position` counts from the prompt's head, `tokens` are
    its own."""
    call = calls.get(piece.node)
    segment = (
        call.segments[piece.source]
        if call is not None and 0 <= piece.source < len(call.segments)
        else None
    )
    fixed = piece.kind in {"static", HEADING}
    if fixed and (position == 0 or (segment is not None and segment.role == "system")):
        return SYSTEM_PROMPT
    if fixed and call is not None and call.in_loop:
        return LOOP_INVARIANT
    if fixed and tokens > SHARED_PREFIX_TOKENS:
        return SHARED_PREFIX
    return CHAIN_CONTEXT if piece.kind == "upstream" else DEFAULT_PRIORITY


def steps_priority(steps: float) -> int:
    """The priority of a prefix needed `steps` requests of its run from now; infinity: not needed
    again."""
    if steps == float("inf"):
        return DEFAULT_PRIORITY
    return max(DEFAULT_PRIORITY + 1, FIRST_STEP - PER_STEP * (round(max(steps, 1.0)) - 1))


def never_below_its_tail(priorities: Sequence[int]) -> list[int]:
    """Priorities from head to tail, raised so that no head ranks below what hangs below it."""
    raised = list(priorities)
    for place in range(len(raised) - 2, -1, -1):
        raised[place] = max(raised[place], raised[place + 1])
    return raised
