"""What a request asks for its blocks, and the inputs by which TensorRT-LLM takes it.

Rules and limits are those of TensorRT-LLM's kvCacheRetentionConfig.cpp.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

MIN_PRIORITY = 0
MAX_PRIORITY = 100
"""Taken from TensorRT-LLM: 0 goes first, 100 last."""
DEFAULT_PRIORITY = 35
"""The priority of a block that nobody asked anything for."""
MAX_DURATION_MS = 2**31 - 1
"""Taken from `retention_token_range_durations_ms`, an input of 32-bit integers: 24 days."""
OPEN_END = -1
"""How the inputs spell a range that reaches to the prompt's end."""
NO_EXPIRY = -1
"""How the inputs spell a range that has no duration."""

BlockRetention = tuple[int | None, int | None]
"""Priority and duration in ms a request asks for one block; None where it asks nothing."""

DecideAt = Literal["sent", "answered"]
"""When retention is decided.

`sent`: with the request, as TensorRT-LLM takes it.
`answered`: once the answer is there.
A deployment must follow it by a request of one token over the same prompt that brings the new
retention.
"""

ReleaseWhen = Literal["never", "superseded", "session-end"]
"""When cached content is released: never; when a session's newer prompts supersede it; then, and
all that was the session's alone when the session ends."""


class InvalidRetention(ValueError):
    """A retention setting TensorRT-LLM would refuse."""


@dataclass(frozen=True)
class Rule:
    """What a part of a prompt, or an output, asks for. `duration_ms` None: until evicted."""

    priority: int = DEFAULT_PRIORITY
    duration_ms: int | None = None


DEFAULT = Rule()
NEVER_AGAIN = Rule(MIN_PRIORITY)


@dataclass(frozen=True)
class SegmentRange:
    """Retention of the segments `first` to `last` (inclusive, counted in the node's planned order).

    `last` None reaches to the end of the prompt.
    It becomes a token range where the prompt is tokenised.
    `duration_ms` None: until evicted.
    """

    first: int = 0
    last: int | None = None
    priority: int = DEFAULT_PRIORITY
    duration_ms: int | None = None

    def holds(self, segment: int) -> bool:
        """Whether it says anything about this segment."""
        return self.first <= segment and (self.last is None or segment <= self.last)


@dataclass(frozen=True)
class SegmentRetention:
    """Retention of one request by the planned segments of its prompt, and of what it generates."""

    ranges: tuple[SegmentRange, ...] = ()
    decode_priority: int = DEFAULT_PRIORITY
    decode_duration_ms: int | None = None

    def of(self, segment: int) -> SegmentRange | None:
        """The first range that holds this segment."""
        return next((item for item in self.ranges if item.holds(segment)), None)


@dataclass(frozen=True)
class TokenRange:
    """Retention of the prompt tokens [start, end); `end` None reaches to the end of the prompt.

    Raises InvalidRetention for a priority outside 0 to 100 or a negative duration.
    """

    start: int
    end: int | None = None
    priority: int = DEFAULT_PRIORITY
    duration_ms: int | None = None

    def __post_init__(self) -> None:
        check_priority(self.priority)
        _check_duration(self.duration_ms)


@dataclass(frozen=True)
class Retention:
    """Retention of one request: ranges of its prompt in any order, and one setting for the blocks
    it generates.

    Gaps between ranges and ends beyond the prompt are fine.
    Raises InvalidRetention for an empty or negative range, ranges that overlap, or an open range
    before another.
    """

    ranges: tuple[TokenRange, ...] = ()
    decode_priority: int = DEFAULT_PRIORITY
    decode_duration_ms: int | None = None

    def __post_init__(self) -> None:
        check_priority(self.decode_priority)
        _check_duration(self.decode_duration_ms)
        previous: TokenRange | None = None
        for current in self._sorted():
            _check_bounds(current)
            if previous is not None:
                _check_order(previous, current)
            previous = current

    @property
    def asks_decode(self) -> bool:
        """Whether generated blocks are asked anything but what nobody asks for."""
        return self.decode_priority != DEFAULT_PRIORITY or self.decode_duration_ms is not None

    def per_block(self, tokens_per_block: int, prompt_length: int) -> list[BlockRetention]:
        """What each of the prompt's ceil(prompt_length / tokens_per_block) blocks is asked for.

        A block belongs to the range that holds its first token.
        A range that holds no block's first token has no effect.
        """
        ranges = iter(self._sorted())
        current = next(ranges, None)
        blocks: list[BlockRetention] = []
        for first_token in range(0, prompt_length, tokens_per_block):
            while current is not None and current.end is not None and current.end <= first_token:
                current = next(ranges, None)
            if current is None or first_token < current.start:
                blocks.append((None, None))
            else:
                blocks.append((current.priority, current.duration_ms))
        return blocks

    def _sorted(self) -> list[TokenRange]:
        return sorted(self.ranges, key=lambda token_range: token_range.start)


def check_priority(priority: int) -> None:
    """Raise InvalidRetention unless the priority is within TensorRT-LLM's range."""
    if not MIN_PRIORITY <= priority <= MAX_PRIORITY:
        raise InvalidRetention(f"priority {priority} is outside {MIN_PRIORITY} to {MAX_PRIORITY}")


def retention_by_tokens(
    retention: SegmentRetention, positions: Sequence[int | None], ends: Sequence[int]
) -> Retention:
    """Retention by tokens of a prompt whose segment `i` ends before token `ends[i]` and is number
    `positions[i]` in the planned order, or None if it has no place there.

    Segments side by side with the same retention share a range.
    A segment the plan says nothing about gets none, so that its reused blocks keep their priority.
    A range that reaches the prompt's end is left open.
    """
    ranges = _joined(_wanted(retention, positions, ends))
    if ranges and ranges[-1].end == ends[-1]:
        last = ranges.pop()
        ranges.append(TokenRange(last.start, None, last.priority, last.duration_ms))
    return Retention(tuple(ranges), retention.decode_priority, retention.decode_duration_ms)


def retention_inputs(retention: Retention, prompt_tokens: int) -> dict[str, list[int]]:
    """The `retention_*` inputs of TensorRT-LLM's model `tensorrt_llm`; empty where the defaults say
    the same.

    The backend reads the decode values only beside a token range.
    So where there is none, a range behind the prompt's end stands in, which touches no block.
    A decode duration of -1 would expire at once in the C++ backend and is left out.
    """
    ranges = retention.ranges
    if not ranges:
        if not retention.asks_decode:
            return {}
        ranges = (TokenRange(prompt_tokens, prompt_tokens + 1),)
    inputs = {
        "retention_token_range_starts": [item.start for item in ranges],
        "retention_token_range_ends": [_spelt(item.end, OPEN_END) for item in ranges],
        "retention_token_range_priorities": [item.priority for item in ranges],
    }
    if any(item.duration_ms is not None for item in ranges):
        inputs["retention_token_range_durations_ms"] = [
            _spelt(item.duration_ms, NO_EXPIRY) for item in ranges
        ]
    if retention.asks_decode:
        inputs["retention_decode_priority"] = [retention.decode_priority]
    if retention.decode_duration_ms is not None:
        inputs["retention_decode_duration_ms"] = [retention.decode_duration_ms]
    return inputs


def _spelt(value: int | None, absent: int) -> int:
    return absent if value is None else value


def _wanted(
    retention: SegmentRetention, positions: Sequence[int | None], ends: Sequence[int]
) -> Iterator[TokenRange]:
    start = 0
    for position, end in zip(positions, ends, strict=True):
        wanted = None if position is None else retention.of(position)
        if wanted is not None and end > start:
            yield TokenRange(start, end, wanted.priority, wanted.duration_ms)
        start = end


def _joined(ranges: Iterator[TokenRange]) -> list[TokenRange]:
    """Neighbours that ask for the same as one."""
    joined: list[TokenRange] = []
    for item in ranges:
        wanted = (item.start, item.priority, item.duration_ms)
        before = joined[-1] if joined else None
        if before is not None and (before.end, before.priority, before.duration_ms) == wanted:
            joined[-1] = TokenRange(before.start, item.end, item.priority, item.duration_ms)
        else:
            joined.append(item)
    return joined


def _check_duration(duration_ms: int | None) -> None:
    if duration_ms is not None and duration_ms < 0:
        raise InvalidRetention(f"duration {duration_ms} ms is negative")


def _check_bounds(item: TokenRange) -> None:
    if item.start < 0:
        raise InvalidRetention(f"a range starts at token {item.start}; token 0 is the first")
    if item.end is not None and item.end <= item.start:
        raise InvalidRetention(f"the range [{item.start}, {item.end}) holds no token")


def _check_order(previous: TokenRange, current: TokenRange) -> None:
    if previous.end is None:
        raise InvalidRetention(f"the open range from token {previous.start} must be the last one")
    if previous.end > current.start:
        raise InvalidRetention(
            f"the ranges [{previous.start}, {previous.end}) and [{current.start}, …)"
            f" overlap at token {current.start}"
        )
