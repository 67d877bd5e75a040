"""Requests over simulated time."""

import tracemalloc
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.latency import LatencyModel
from charter_engine.kvcache.predict.timeline import Timeline, Timing
from charter_engine.kvcache.workload.columns import MAX_LENGTH, as_workload
from charter_engine.kvcache.workload.waits import Follows
from tests.unit.kvcache.workloads import random_retention, random_settings, random_workload

LATENCY = LatencyModel(overhead=1.0, prefill_per_token=1.0, decode_step=10.0)


def _request(at: float, tokens: range, output: int = 0) -> WorkloadRequest:
    return WorkloadRequest(
        timestamp=at, input_length=len(tokens), output_length=output, token_ids=tuple(tokens)
    )


def _run(requests: list[WorkloadRequest], blocks: int, **timing: object) -> Timeline:
    timeline = Timeline(as_workload(requests), PoolSettings(blocks, 4), Timing(**timing), LATENCY)  # type: ignore[arg-type]
    timeline.run()
    return timeline


def test_a_lone_request_takes_its_prefill_and_its_steps() -> None:
    (served,) = _run([_request(100, range(8), output=4)], 10).served
    assert served.first_token_ms == 100 + 1 + 8
    assert served.ended_ms == served.first_token_ms + 3 * 10


def test_a_request_that_comes_after_another_ended_reuses_it() -> None:
    _, second = _run([_request(0, range(9)), _request(1000, range(9))], 10).served
    assert second.reused_tokens == 8
    assert second.first_token_ms == 1000 + 1 + 1


def test_two_requests_of_one_iteration_share_nothing() -> None:
    first, second = _run([_request(0, range(9)), _request(0, range(9))], 10).served
    assert (first.reused_tokens, second.reused_tokens) == (0, 0)
    assert first.first_token_ms == second.first_token_ms == 2 * (1 + 9)


def test_of_prompts_computed_in_chunks_the_shorter_one_has_its_first_token_first() -> None:
    longer, shorter = _run(
        [_request(0, range(12)), _request(0, range(50, 58))], 10, chunk_tokens=4
    ).served
    assert shorter.first_token_ms == 2 + 4 * 4
    assert longer.first_token_ms == shorter.first_token_ms + 4


def test_in_chunks_a_prompt_takes_as_long_as_in_one_piece() -> None:
    request = _request(0, range(10), output=3)
    (whole,), (chunked,) = (
        _run([request], 10, **timing).served for timing in ({}, {"chunk_tokens": 3})
    )
    assert whole == chunked


def test_a_full_batch_makes_the_next_request_wait() -> None:
    timeline = _run([_request(0, range(8), 3), _request(0, range(50, 58), 1)], 10, max_batch_size=1)
    first, second = timeline.served
    assert second.first_token_ms == first.ended_ms + 1 + 8


def test_running_requests_hold_their_blocks() -> None:
    timeline = _run([_request(0, range(8), 5), _request(0, range(50, 58), 5)], 8)
    assert timeline.peak_blocks == 8
    timeline = _run([_request(0, range(8), 5), _request(0, range(50, 58), 5)], 7)
    assert timeline.peak_blocks == 4


def test_no_evict_waits_where_max_utilization_starts_and_pauses() -> None:
    requests = [_request(0, range(8), 9), _request(0, range(50, 58), 9)]
    careful = _run(requests, 8, scheduler_policy="guaranteed_no_evict")
    eager = _run(requests, 8, scheduler_policy="max_utilization")
    assert [served.pauses for served in careful.served] == [0, 0]
    assert sum(served.pauses for served in eager.served) > 0
    assert eager.served[1].first_token_ms < careful.served[1].first_token_ms


def test_a_request_the_pool_cannot_hold_is_passed_over() -> None:
    too_long, fitting = _run([_request(0, range(100)), _request(0, range(8))], 10).served
    assert (too_long.reused_tokens, fitting.reused_tokens) == (-1, 0)


def test_a_request_that_waits_for_others_arrives_when_the_last_of_them_has_ended() -> None:
    requests = [_request(0, range(8), 3), _request(0, range(100, 120), 9), _request(0, range(8), 1)]
    timeline = _run(requests, 64, after=((), (), (0, 1)))
    first, second, third = timeline.served
    assert third.arrived_ms == max(first.ended_ms, second.ended_ms)
    assert third.reused_tokens == 7


def test_a_workload_says_what_its_requests_follow_and_how_much_later() -> None:
    recorded = as_workload([_request(0, range(8), 2), _request(1, range(50, 58))])
    workload = replace(recorded, follows={1: Follows((0,), delay_ms=100)})
    timeline = Timeline(workload, PoolSettings(10, 4), Timing(), LATENCY)
    timeline.run()
    first, second = timeline.served
    assert second.arrived_ms == first.ended_ms + 100


def test_a_request_that_waits_for_one_the_pool_cannot_hold_is_sent_all_the_same() -> None:
    timeline = _run([_request(0, range(100)), _request(0, range(8), 1)], 4, after=((), (0,)))
    assert timeline.served[0].reused_tokens == -1
    assert timeline.served[1].ended_ms > 0


def test_requests_that_wait_for_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="2 requests wait for each other"):
        _run([_request(0, range(8)), _request(0, range(8))], 8, after=((1,), (0,)))


def test_what_requests_wait_for_is_told_of_all_or_none() -> None:
    with pytest.raises(ValueError, match="1 entries for 2 requests"):
        _run([_request(0, range(8)), _request(0, range(8))], 8, after=((),))


def test_a_pool_beyond_all_need_is_served_as_one_of_just_that_size() -> None:
    requests = [
        _request(0, range(50), 9),
        _request(500, range(60), 9),
        _request(9000, range(20), 3),
    ]
    large, enough = _run(requests, 10**9), _run(requests, 1000)
    assert large.served == enough.served
    assert large.peak_blocks == enough.peak_blocks


def test_a_batch_of_none_is_refused() -> None:
    with pytest.raises(ValueError, match="max_batch_size is 0"):
        Timing(max_batch_size=0)


@given(
    st.randoms(use_true_random=True),
    st.sampled_from(("guaranteed_no_evict", "max_utilization")),
    st.integers(1, 8),
)
@settings(max_examples=150, deadline=None)
def test_every_request_ends_once_and_all_blocks_come_back(
    rng: Random, policy: str, batch: int
) -> None:
    workload = random_workload(rng)
    pool = random_settings(rng, workload)
    timing = Timing(max_batch_size=batch, scheduler_policy=policy)  # type: ignore[arg-type]
    timeline = Timeline(workload, pool, timing, LATENCY, random_retention(rng, workload))
    free = timeline.manager.free_gpu_blocks
    timeline.run()
    assert timeline.manager.free_gpu_blocks == free
    for served, arrival, length in zip(
        timeline.served, workload.arrival_ms, workload.input_length, strict=True
    ):
        assert served.reused_tokens < length
        assert served.ended_ms >= arrival
        if served.reused_tokens >= 0:
            assert served.ended_ms >= served.first_token_ms > arrival


def test_what_is_claimed_and_never_fits_is_never_made() -> None:
    """A line of a hundred bytes may claim sixteen million tokens."""
    claimed = WorkloadRequest(timestamp=0, input_length=10, output_length=MAX_LENGTH)
    timeline = Timeline(as_workload([claimed] * 50), PoolSettings(1000, 4), Timing(), LATENCY)
    tracemalloc.start()
    timeline.run()
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert {served.reused_tokens for served in timeline.served} == {-1}
    assert most_bytes < 1 << 20
