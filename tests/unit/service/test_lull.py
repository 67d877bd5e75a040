"""When the tap of a deployment is read."""

import itertools
from collections.abc import Sequence

from charter_engine.service.lull import LINGER_SECONDS, LONGEST_SECONDS, Lull


def readings(counts: Sequence[int | None]) -> list[int]:
    """The seconds in which the tap is read, by what was counted in each."""
    clock = itertools.count()
    lull = Lull(lambda: next(clock))
    return [second for second, count in enumerate(counts) if lull.is_over(count)]


def test_while_requests_come_it_is_read_every_second() -> None:
    assert readings([*range(20)]) == [*range(20)]


def test_where_nobody_counts_it_is_read_every_second() -> None:
    assert readings([None] * 20) == [*range(20)]


def test_behind_the_last_request_it_is_read_a_little_longer_and_then_seldom() -> None:
    seconds = int(LINGER_SECONDS)
    last = seconds - 1
    longer = last + int(LONGEST_SECONDS)
    assert readings([7] * 20) == [*range(seconds), longer]


def test_a_request_after_a_lull_is_read_at_once() -> None:
    assert 15 in readings([7] * 15 + [8] * 3)
