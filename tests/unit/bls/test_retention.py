"""Retention by segments becomes the token ranges of the final prompt."""

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from charter_engine.bls.retention import (
    Retention,
    SegmentRange,
    SegmentRetention,
    TokenRange,
    retention_by_tokens,
    retention_inputs,
)


def token_ranges(
    asked: tuple[SegmentRange, ...], positions: Sequence[int], ends: Sequence[int]
) -> tuple[TokenRange, ...]:
    return retention_by_tokens(SegmentRetention(asked), positions, ends).ranges


def test_a_range_of_segments_covers_their_tokens() -> None:
    ranges = token_ranges((SegmentRange(0, 1, 80, 500),), (0, 1, 2), (10, 25, 40))
    assert ranges == (TokenRange(0, 25, 80, 500),)


def test_a_range_to_the_end_is_left_open() -> None:
    assert token_ranges((SegmentRange(1, None, 60, None),), (0, 1, 2), (10, 25, 40)) == (
        TokenRange(10, None, 60),
    )


def test_segments_sent_in_another_order_keep_their_own_retention() -> None:
    ranges = token_ranges((SegmentRange(0, 0, 80, None),), (1, 0, 2), (10, 25, 40))
    assert ranges == (TokenRange(10, 25, 80),)


def test_segments_without_tokens_make_no_range() -> None:
    assert token_ranges((SegmentRange(0, 0, 80, None),), (0, 1), (0, 9)) == ()


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 3), st.integers(0, 100)), max_size=4),
)
def test_ranges_are_what_tensorrt_llm_accepts(
    sizes: list[int], given_ranges: list[tuple[int, int, int]]
) -> None:
    """Non-empty, sorted, not overlapping, only the last one open; each token has the first range
    that names it."""
    ends = [sum(sizes[: index + 1]) for index in range(len(sizes))]
    wanted = [
        SegmentRange(first, first + more, priority, None) for first, more, priority in given_ranges
    ]
    found = token_ranges(tuple(wanted), range(len(sizes)), ends)
    total = ends[-1]
    spans = [(item.start, total if item.end is None else item.end) for item in found]
    assert all(start < end for start, end in spans)
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))
    assert all(item.end is not None for item in found[:-1])
    for segment, end in enumerate(ends):
        for token in range(end - sizes[segment], end):
            expected = next(
                (
                    item.priority
                    for item in wanted
                    if item.first <= segment <= (item.last or item.first)
                ),
                None,
            )
            got = next(
                (
                    item.priority
                    for item, (start, stop) in zip(found, spans, strict=True)
                    if start <= token < stop
                ),
                None,
            )
            assert got == expected


def test_without_retention_nothing_is_sent() -> None:
    assert retention_inputs(Retention(), 100) == {}


def test_durations_are_sent_only_where_one_is_set() -> None:
    inputs = retention_inputs(Retention((TokenRange(0, 10, 80),)), 100)
    assert "retention_token_range_durations_ms" not in inputs
    inputs = retention_inputs(Retention((TokenRange(0, 10, 80, 5), TokenRange(10, 20, 50))), 100)
    assert inputs["retention_token_range_durations_ms"] == [5, -1]


def test_decode_retention_alone_brings_a_range_that_touches_no_block() -> None:
    inputs = retention_inputs(Retention(decode_priority=10), 100)
    assert inputs["retention_token_range_starts"] == [100]
    assert inputs["retention_decode_priority"] == [10]
    assert "retention_decode_duration_ms" not in inputs


def test_an_output_keeps_what_its_segments_retention_says_of_it() -> None:
    asked = retention_by_tokens(SegmentRetention((), 10, 500), (0,), (9,))
    assert asked == Retention((), 10, 500)
