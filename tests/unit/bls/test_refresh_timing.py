"""When a retention refresh is worth sending, and which goes first."""

from dataclasses import replace

import numpy as np
import pytest

from charter_engine.bls.refresh_timing import (
    PATIENCE_S,
    PAUSE_S,
    HeldRefresh,
    Turnover,
    may_go,
    worthiest,
)
from charter_engine.bls.sessions import LiveSession, Sent
from tests.unit.bls.streams import reuse_times

SENT = Sent(
    LiveSession("a"),
    1,
    reuse_times("answered").node("main"),
    np.zeros(100, int),
    [],
    0.0,
    0,
)
HELD = HeldRefresh("r", SENT, 1, (), saved=100.0, cost=30.0, answered_s=0.0, computed_before=0)


@pytest.mark.parametrize(
    ("waited_s", "under_way", "goes"),
    [
        (PAUSE_S / 2, 0, False),
        (PAUSE_S, 0, True),
        (PAUSE_S, 1, False),
        (PATIENCE_S, 2, True),
        (PATIENCE_S, 3, False),
    ],
)
def test_a_refresh_waits_for_its_session_then_for_idleness_then_until_it_saves_more_than_all_lose(
    waited_s: float, under_way: int, goes: bool
) -> None:
    assert may_go(100.0, 30.0, waited_s, under_way) == goes


def test_a_refresh_that_costs_more_than_it_saves_is_never_sent() -> None:
    assert not may_go(20.0, 30.0, PATIENCE_S, 0)


def test_what_saves_most_for_its_engine_time_goes_first() -> None:
    saves_more = replace(HELD, name="more", saved=120.0, cost=60.0)
    assert worthiest([saves_more, HELD], PAUSE_S, 0) is HELD


def test_nothing_goes_while_nothing_is_due() -> None:
    assert worthiest([HELD], PAUSE_S / 2, 0) is None


def test_blocks_are_evicted_once_as_much_was_computed_as_evicted_others() -> None:
    turnover = Turnover()
    turnover.computed = 1_000
    assert not turnover.presumably_evicted(HELD)
    turnover.found(HELD, reused_tokens=10)
    assert turnover.presumably_evicted(HELD)
    assert not turnover.presumably_evicted(replace(HELD, computed_before=1))


def test_refreshes_that_find_their_blocks_make_others_be_sent_later_again() -> None:
    turnover = Turnover()
    turnover.computed = 1_000
    turnover.found(HELD, reused_tokens=10)
    turnover.found(HELD, reused_tokens=99)
    assert not turnover.presumably_evicted(HELD)
