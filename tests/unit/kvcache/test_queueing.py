"""How long requests wait and take where it is known what they reuse."""

import dataclasses
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.latency import LatencyModel
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.predict.queueing import QueuedTimes, queued_times
from charter_engine.kvcache.predict.timeline import Timeline, Timing
from charter_engine.kvcache.workload.columns import Workload, as_workload
from charter_engine.kvcache.workload.waits import Follows
from tests.unit.kvcache.workloads import random_settings, random_workload

LATENCY = LatencyModel(
    overhead=1.0,
    prefill_per_token=1.0,
    prefill_per_pair=0.25,
    decode_step=8.0,
    decode_per_context=0.5,
    least_iteration=6.0,
    onboard_per_token=2.0,
)


def _request(at: float, tokens: int, output: int = 0) -> WorkloadRequest:
    return WorkloadRequest(timestamp=at, input_length=tokens, output_length=output)


def _queued(
    workload: Workload, settings: PoolSettings, timing: Timing, reused: int = 0, onboarded: int = 0
) -> QueuedTimes:
    given = np.full(len(workload), reused), np.full(len(workload), onboarded)
    return queued_times(workload, *given, settings, timing, LATENCY)


@given(st.randoms(use_true_random=True), st.integers(1, 5))
@settings(max_examples=100, deadline=None)
def test_it_is_the_timeline_of_a_pool_that_reuses_nothing(rng: Random, batch: int) -> None:
    workload = random_workload(rng)
    pool = replace(random_settings(rng, workload), eviction="flat", reuse=False)
    timing = Timing(max_batch_size=batch)
    timeline = Timeline(workload, pool, timing, LATENCY)
    timeline.run()
    queued = _queued(workload, pool, timing)
    for served, ttft in zip(timeline.served, queued.ttft_ms.tolist(), strict=True):
        if served.reused_tokens < 0:
            assert np.isnan(ttft)
        else:
            assert ttft == pytest.approx(served.first_token_ms - served.arrived_ms)
    assert queued.makespan_ms == pytest.approx(timeline.now - float(workload.arrival_ms.min()))


def test_what_is_reused_is_not_computed_and_what_is_restored_takes_its_time() -> None:
    (ttft,) = _queued(as_workload([_request(0, 8)]), PoolSettings(10, 4), Timing(), 4, 1).ttft_ms
    assert ttft == 1 + 4 * (1 + 0.25 * (4 + 2)) + 2 * 4


def test_requests_wait_for_the_ones_before_them() -> None:
    one, two = _queued(
        as_workload([_request(0, 8), _request(0, 8)]), PoolSettings(10, 4), Timing(max_batch_size=1)
    ).ttft_ms
    assert two == 2 * one


def test_requests_that_follow_others_come_when_these_have_ended() -> None:
    alone = as_workload([_request(0, 8), _request(0, 8)])
    workload = dataclasses.replace(alone, follows={1: Follows((0,), 500.0)})
    times = _queued(workload, PoolSettings(10, 4), Timing())
    assert times.ttft_ms[0] == times.ttft_ms[1]
    assert times.makespan_ms == 2 * times.ttft_ms[0] + 500


def test_an_instant_prediction_tells_what_its_hit_rate_is_worth_in_time() -> None:
    """Of two requests at once the second waits for the first, and half of it is reused."""
    head = tuple(range(8))
    workload = as_workload(
        WorkloadRequest(timestamp=0, input_length=9, output_length=1, token_ids=(*head, last))
        for last in (8, 9)
    )
    found = Predictor(workload).predict(PoolSettings(10, 4), latency=LATENCY)
    assert found.token_hit_rate == 8 / 18
    assert found.ttft_ms_mean is not None
    assert found.makespan_ms == found.ttft_ms_mean == found.ttft_ms_p95
    assert found.requests_per_s == pytest.approx(2000 / found.makespan_ms)
