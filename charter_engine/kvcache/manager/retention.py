"""How long a request asks for its blocks to be kept (TensorRT-LLM, kvCacheRetentionConfig.cpp)."""

from collections.abc import Sequence

from msgspec import Struct

from charter_engine.contracts.plan import DEFAULT_PRIORITY
from charter_engine.contracts.workload import RetentionRecord
from charter_engine.kvcache.manager.errors import InvalidRetention

MIN_PRIORITY = 0
MAX_PRIORITY = 100

BlockRetention = tuple[int | None, int | None]
"""Priority and duration in ms a request asks for one block; None where it asks nothing."""


def check_priority(priority: int) -> None:
    """Raise InvalidRetention unless the priority is within TensorRT-LLM's range."""
    if not MIN_PRIORITY <= priority <= MAX_PRIORITY:
        raise InvalidRetention(f"priority {priority} is outside {MIN_PRIORITY} to {MAX_PRIORITY}")


def _check_duration(duration_ms: int | None) -> None:
    if duration_ms is not None and duration_ms < 0:
        raise InvalidRetention(f"duration {duration_ms} ms is negative")


class TokenRange(Struct, frozen=True):
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


class Retention(Struct, frozen=True):
    """Retention of one request: ranges of its prompt in any order, and one setting for the blocks
    it generates.

    Gaps between ranges and ends beyond the prompt are fine. Raises InvalidRetention for an empty or
    negative range, ranges that overlap, or an open range before another.
    """

    ranges: Sequence[TokenRange] = ()
    decode_priority: int = DEFAULT_PRIORITY
    decode_duration_ms: int | None = None

    def __post_init__(self) -> None:
        check_priority(self.decode_priority)
        _check_duration(self.decode_duration_ms)
        previous: TokenRange | None = None
        for current in self._sorted():
            if current.start < 0:
                raise InvalidRetention(
                    f"a range starts at token {current.start}; token 0 is the first"
                )
            if current.end is not None and current.end <= current.start:
                raise InvalidRetention(f"the range [{current.start}, {current.end}) holds no token")
            if previous is not None:
                _check_order(previous, current)
            previous = current

    @classmethod
    def from_record(cls, record: RetentionRecord) -> "Retention":
        """The retention a workload request carries. Raises InvalidRetention."""
        ranges = tuple(TokenRange(r.start, r.end, r.priority, r.duration_ms) for r in record.ranges)
        return cls(ranges, record.decode_priority, record.decode_duration_ms)

    def per_block(self, tokens_per_block: int, prompt_length: int) -> list[BlockRetention]:
        """What each of the prompt's ceil(prompt_length / tokens_per_block) blocks is asked for.

        A block belongs to the range that holds its first token; a range that holds no block's first
        token has no effect.
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


def _check_order(previous: TokenRange, current: TokenRange) -> None:
    if previous.end is None:
        raise InvalidRetention(f"the open range from token {previous.start} must be the last one")
    if previous.end > current.start:
        raise InvalidRetention(
            f"the ranges [{previous.start}, {previous.end}) and [{current.start}, …) "
            f"overlap at token {current.start}"
        )
