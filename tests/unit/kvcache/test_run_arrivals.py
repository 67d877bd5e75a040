"""When the requests of one of Charter's own runs arrive."""

import pytest

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.predict.run_arrivals import CONTENTION, HeadStart, RunArrivals, Sending
from charter_engine.kvcache.workload.columns import as_workload


def arrivals(
    items: tuple[int, ...],
    at_once: int,
    *,
    after: dict[int, tuple[int, ...]] | None = None,
    head_starts: dict[int, HeadStart] | None = None,
) -> RunArrivals:
    """Requests of these items, each by its place."""
    workload = as_workload(
        WorkloadRequest(timestamp=0, input_length=8, output_length=1) for _ in items
    )
    places = range(len(items))
    return RunArrivals(
        workload,
        Sending(
            at_once=at_once,
            items=items,
            after=tuple((after or {}).get(place, ()) for place in places),
            head_starts=tuple(
                (start,) if (start := (head_starts or {}).get(place)) else () for place in places
            ),
        ),
    )


def test_as_many_items_are_under_way_as_may_be_and_the_next_begins_where_one_ends() -> None:
    run = arrivals((0, 1, 2), 2)
    assert run.until(0) == [(0, 0), (0, 1)]
    assert not run
    run.ended(1, 30)
    assert run.until(30) == [(30, 2)]
    run.require_all_came()


def test_a_request_comes_when_what_it_needs_was_answered() -> None:
    run = arrivals((0, 0, 1), 1, after={1: (0,)})
    assert run.until(0) == [(0, 0)]
    run.ended(0, 10)
    assert run.until(10) == [(10, 1)]
    run.ended(1, 20)
    assert run.until(20) == [(20, 2)]


def test_no_more_requests_are_in_flight_than_items_may_be() -> None:
    run = arrivals((0, 0, 0), 2)
    assert run.until(0) == [(0, 0), (0, 1)]
    run.ended(0, 12)
    assert run.until(15) == [(12, 2)]


def test_the_others_wait_for_the_answer_while_nobody_knows_how_long_a_first_token_takes() -> None:
    run = arrivals((0, 1), 2, head_starts={1: HeadStart(0)})
    assert run.until(1000) == [(0, 0)]
    run.first_token(0, 5)
    assert run.next_ms == float("inf")
    run.ended(0, 40)
    assert run.until(40) == [(40, 1)]


def test_then_they_give_it_as_long_as_the_slowest_first_token_took() -> None:
    run = arrivals((0, 1, 2), 2, head_starts={2: HeadStart(1)})
    run.until(0)
    run.first_token(0, 5)
    run.ended(0, 10)
    assert run.next_ms == float("inf"), "when the one ahead was sent nobody knew"
    later = arrivals((0, 1, 2), 1, head_starts={2: HeadStart(0)})
    assert later.until(0) == [(0, 0)]
    again = arrivals((0, 1, 1), 2, after={1: (0,)}, head_starts={2: HeadStart(1)})
    again.until(0)
    again.first_token(0, 5)
    again.ended(0, 10)
    assert again.until(10) == [(10, 1)]
    assert again.next_ms == 10 + CONTENTION * 5


def test_an_answer_ends_a_head_start() -> None:
    run = arrivals((0, 1), 2, head_starts={1: HeadStart(0, 300.0)})
    assert run.until(0) == [(0, 0)]
    assert run.next_ms == 300.0
    run.ended(0, 20)
    assert run.until(1000) == [(20, 1)]


def test_requests_that_wait_for_each_other_are_told() -> None:
    run = arrivals((0, 0), 1, after={0: (1,), 1: (0,)})
    assert run.until(1000) == []
    with pytest.raises(ValueError, match="2 requests wait for each other"):
        run.require_all_came()


def test_every_request_must_be_told_of() -> None:
    workload = as_workload([WorkloadRequest(timestamp=0, input_length=8, output_length=1)])
    with pytest.raises(ValueError, match="0 entries for 1 requests"):
        RunArrivals(workload, Sending(at_once=1, items=(), after=(), head_starts=()))
