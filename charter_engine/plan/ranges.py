"""From retention by segments, as a plan states it, to retention by tokens, as a request carries
it."""

from collections.abc import Sequence

from charter_engine.bls.retention import Retention, TokenRange
from charter_engine.contracts.plan import NodePlan
from charter_engine.prompts.assembly import Prompt

Span = tuple[int, int]


def planned_spans(prompt: Prompt, spans: Sequence[Span]) -> tuple[Span, ...]:
    """Token spans [start, end) of the planned segments of a prompt, given those of its pieces.

    A continued prompt counts the segments of the call it extends first, then that call's output,
    then its own.
    """
    planned: list[Span] = []
    previous: tuple[str, int] | None = None
    for piece, (start, end) in zip(prompt, spans, strict=True):
        place = (piece.node, piece.source)
        if place == previous:
            planned[-1] = (planned[-1][0], end)
        else:
            planned.append((start, end))
        previous = place
    return tuple(planned)


def retention_record(plan: NodePlan, prompt: Prompt, spans: Sequence[Span]) -> Retention | None:
    """What a request under this plan asks the block manager for; None when it asks for nothing."""
    planned = planned_spans(prompt, spans)
    retention = Retention(
        ranges=tuple(
            TokenRange(
                start=planned[item.first][0],
                end=None
                if item.last is None or item.last >= len(planned) - 1
                else planned[item.last][1],
                priority=item.priority,
                duration_ms=item.duration_ms,
            )
            for item in plan.retention
            if item.first < len(planned)
        ),
        decode_priority=plan.decode_priority,
        decode_duration_ms=plan.decode_duration_ms,
    )
    return retention if retention.ranges or retention.asks_decode else None
