"""Retention of a request becomes retention of its blocks."""

import msgspec
import pytest

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import InvalidRetention, Retention, TokenRange

OPEN = None


@pytest.mark.parametrize(
    ("tokens_per_block", "length", "ranges", "priorities"),
    [
        (64, 256, [(0, 64, 80), (64, 128, 50)], [80, 50, None, None]),
        (32, 127, [(0, 63, 80), (63, 127, 30)], [80, 80, 30, 30]),
        (32, 128, [(0, 1, 80), (1, 2, 5)], [80, None, None, None]),
        (256, 192, [(0, 128, 80)], [80]),
        (64, 192, [(0, 65, 80), (65, 129, 30)], [80, 80, 30]),
        (64, 256, [(0, 64, 80), (129, OPEN, 50)], [80, None, None, 50]),
        (64, 256, [(0, 64, 80), (66, 67, 50)], [80, None, None, None]),
        (64, 256, [(127, 193, 80)], [None, None, 80, 80]),
        (64, 32, [(127, 193, 80)], [None]),
        (64, 128, [(1, OPEN, 80)], [None, 80]),
        (16, 64, [(0, 17, 80)], [80, 80, None, None]),
    ],
)
def test_a_block_belongs_to_the_range_of_its_first_token(
    tokens_per_block: int,
    length: int,
    ranges: list[tuple[int, int | None, int]],
    priorities: list[int | None],
) -> None:
    retention = Retention(tuple(TokenRange(*r) for r in ranges))
    assert [priority for priority, _ in retention.per_block(tokens_per_block, length)] == priorities


def test_ranges_may_come_in_any_order_and_carry_their_durations() -> None:
    retention = Retention((TokenRange(4, OPEN, 50), TokenRange(0, 4, 80, 1000)))
    assert retention.per_block(4, 12) == [(80, 1000), (50, None), (50, None)]


@pytest.mark.parametrize(
    "ranges",
    [
        [(0, OPEN), (64, 128)],
        [(0, 64), (64, 32)],
        [(0, 64), (30, 128)],
        [(-1, 5)],
        [(5, 5)],
    ],
)
def test_ranges_that_overlap_or_hold_nothing_are_refused(
    ranges: list[tuple[int, int | None]],
) -> None:
    with pytest.raises(InvalidRetention):
        Retention(tuple(TokenRange(start, end, 80) for start, end in ranges))


@pytest.mark.parametrize("priority", [-1, 101])
def test_priorities_outside_the_range_are_refused(priority: int) -> None:
    with pytest.raises(InvalidRetention, match="0 to 100"):
        TokenRange(0, 4, priority)
    with pytest.raises(InvalidRetention, match="0 to 100"):
        Retention((), decode_priority=priority)


def test_negative_durations_are_refused() -> None:
    with pytest.raises(InvalidRetention, match="negative"):
        TokenRange(0, 4, 80, -1)


def test_a_workload_request_carries_what_the_block_manager_takes() -> None:
    line = b"""{"timestamp": 0, "input_length": 8, "output_length": 1, "retention":
        {"ranges": [{"start": 0, "end": 8, "priority": 90, "duration_ms": 5}],
         "decode_priority": 10}}"""
    request = msgspec.json.decode(line, type=WorkloadRequest)
    assert request.retention == Retention((TokenRange(0, 8, 90, 5),), 10, None)
