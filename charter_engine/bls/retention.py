"""From retention by segments to the token ranges that TensorRT-LLM takes as request inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

from .checks import DEFAULT_PRIORITY
from .plan import Range, Retention

OPEN_END = -1
NO_EXPIRY = -1


@dataclass(frozen=True)
class TokenRange:
    """Retention of the prompt tokens `start` to `end` (exclusive; `OPEN_END`: to the end of the
    prompt)."""

    start: int
    end: int
    priority: int
    duration_ms: int = NO_EXPIRY


def token_ranges(
    retention: Retention, positions: Sequence[int], ends: Sequence[int]
) -> list[TokenRange]:
    """The ranges for a prompt whose segment `i` ends before token `ends[i]` and is number
    `positions[i]` planned.

    Segments side by side with the same retention share a range; a segment the plan says nothing
    about gets none, so that its reused blocks keep their priority. A range that reaches the
    prompt's end is left open.
    """
    ranges: list[TokenRange] = []
    start = 0
    for position, end in zip(positions, ends, strict=True):
        wanted = _for_segment(retention.ranges, position)
        if wanted is not None and end > start:
            duration = NO_EXPIRY if wanted.duration_ms is None else wanted.duration_ms
            before = ranges[-1] if ranges else None
            joins = before is not None and (before.end, before.priority, before.duration_ms) == (
                start,
                wanted.priority,
                duration,
            )
            first = ranges.pop().start if joins else start
            ranges.append(TokenRange(first, end, wanted.priority, duration))
        start = end
    if ranges and ranges[-1].end == start:
        last = ranges.pop()
        ranges.append(TokenRange(last.start, OPEN_END, last.priority, last.duration_ms))
    return ranges


def retention_inputs(
    ranges: Sequence[TokenRange], retention: Retention, prompt_tokens: int
) -> dict[str, list[int]]:
    """The `retention_*` inputs of TensorRT-LLM's model `tensorrt_llm`; empty where the defaults say
    the same.

    The backend reads the decode values only beside a token range, so where there is none a range
    behind the prompt's end, which touches no block, stands in. A decode duration of -1 would expire
    at once in the C++ backend and is left out.
    """
    decodes = (
        retention.decode_priority != DEFAULT_PRIORITY or retention.decode_duration_ms is not None
    )
    if not ranges:
        if not decodes:
            return {}
        ranges = [TokenRange(prompt_tokens, prompt_tokens + 1, DEFAULT_PRIORITY)]
    inputs = {
        "retention_token_range_starts": [item.start for item in ranges],
        "retention_token_range_ends": [item.end for item in ranges],
        "retention_token_range_priorities": [item.priority for item in ranges],
    }
    if any(item.duration_ms != NO_EXPIRY for item in ranges):
        inputs["retention_token_range_durations_ms"] = [item.duration_ms for item in ranges]
    if decodes:
        inputs["retention_decode_priority"] = [retention.decode_priority]
    if retention.decode_duration_ms is not None:
        inputs["retention_decode_duration_ms"] = [retention.decode_duration_ms]
    return inputs


def _for_segment(ranges: Sequence[Range], position: int) -> Range | None:
    for item in ranges:
        if item.first <= position and (item.last is None or position <= item.last):
            return item
    return None
