"""Demotions in predictions: requests of one token that rank a prompt below all others."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from charter_engine.bls.refresh_timing import MOST_MISJUDGED
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import PoolSettings, Retention, TokenRange
from charter_engine.kvcache.predict.demotions import DemotedPrompt, WithDemotions
from charter_engine.kvcache.predict.latency import from_first_principles
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.predict.timeline import Timing
from charter_engine.kvcache.workload.columns import Workload, as_workload
from charter_engine.kvcache.workload.waits import Follows

FIRST = Retention((TokenRange(0, None, 34),))
POOL = PoolSettings(6, 4, eviction="flat")


def workload(*prompts: int, timestamps: tuple[float, ...] = ()) -> Workload:
    """One prompt of twelve tokens a number, equal where the numbers are, a second apart."""
    at = timestamps or tuple(1000.0 * place for place in range(len(prompts)))
    return as_workload(
        WorkloadRequest(
            timestamp=time,
            input_length=12,
            output_length=1,
            token_ids=tuple(range(100 * prompt, 100 * prompt + 12)),
            session=str(prompt),
            served_ms=10.0,
        )
        for time, prompt in zip(at, prompts, strict=True)
    )


def test_a_demoted_prompt_goes_first_and_what_was_used_before_it_is_found() -> None:
    """Two prompts fill the pool; the older one would give way to a third."""
    predictor = Predictor(workload(1, 2, 3, 1))
    plain = predictor.predict(POOL)
    demoted = predictor.predict(POOL, demotions=[DemotedPrompt(1, 1, 12, FIRST)])
    assert plain.token_hit_rate == 0
    assert (demoted.requests, demoted.demotions) == (4, 1)
    # The demotion computed the last token of what it demoted.
    assert demoted.token_hit_rate == (11 - 1) / 48
    assert demoted.computed_tokens == 38
    assert demoted.reused_blocks == 3
    assert demoted.bracket == plain.bracket


def test_what_a_demotion_computes_of_a_prompt_that_is_gone_counts() -> None:
    found = Predictor(workload(1, 2, 3)).predict(
        POOL, demotions=[DemotedPrompt(2, 0, 12, FIRST)], bracket=False
    )
    assert (found.computed_tokens, found.demotions) == (3 * 12 + 12, 1)


def test_demotions_pause_while_too_much_was_computed_of_prompts_that_were_gone() -> None:
    gone = [DemotedPrompt(2, 0, 12, FIRST), DemotedPrompt(3, 1, 12, FIRST)]
    assert MOST_MISJUDGED * 36 < 11
    found = Predictor(workload(1, 2, 3, 4)).predict(POOL, demotions=gone, bracket=False)
    assert (found.computed_tokens, found.demotions) == (4 * 12 + 12, 1)


def test_demotions_go_on_once_clients_have_computed_enough_beside() -> None:
    requests = workload(*range(200))
    gone = [DemotedPrompt(behind, 0, 12, FIRST) for behind in (10, 20, 150)]
    assert MOST_MISJUDGED * 21 * 12 < 11 < MOST_MISJUDGED * 151 * 12
    found = Predictor(requests).predict(POOL, demotions=gone, bracket=False)
    assert (found.computed_tokens, found.demotions) == (200 * 12 + 2 * 12, 2)


@pytest.mark.parametrize("how", ["queued", "timed"])
def test_a_demotion_keeps_the_engine_from_the_request_behind_it(
    how: Literal["queued", "timed"],
) -> None:
    latency = from_first_principles()
    took = latency.iteration_ms(latency.prefill_ms(12, 0))
    requests = workload(1, 2, timestamps=(0.0, took + 0.01))
    timing = Timing() if how == "timed" else None
    plain, demoted = (
        Predictor(requests).predict(
            PoolSettings(60, 4), latency=latency, timing=timing, demotions=demotions
        )
        for demotions in ((), [DemotedPrompt(0, 0, 12, FIRST)])
    )
    assert demoted.ttft_ms_mean is not None and plain.ttft_ms_mean is not None
    assert demoted.ttft_ms_mean > plain.ttft_ms_mean


def test_demotions_stand_behind_their_requests_and_leave_these_as_they_were() -> None:
    requests = replace(workload(1, 2, 3), follows={2: Follows((1,), 5.0)})
    asked = [None, FIRST, None]
    found = WithDemotions.of(requests, asked, [DemotedPrompt(1, 0, 7, FIRST)])
    assert found.own.tolist() == [0, 1, 3]
    assert found.demotions.tolist() == [2]
    assert found.retention == [None, FIRST, FIRST, None]
    beside = found.workload
    assert beside.input_length.tolist() == [12, 12, 7, 12]
    assert beside.output_length.tolist() == [1, 1, 0, 1]
    assert beside.arrival_ms.tolist() == [0.0, 1000.0, 1000.0, 2000.0]
    assert beside.follows == {3: Follows((1,), 5.0), 2: Follows((1,))}
    assert np.array_equal(beside.units_of(2), requests.units_of(0))
    assert beside.conversation[2] == 0
    assert np.array_equal(requests.input_length, [12, 12, 12])
