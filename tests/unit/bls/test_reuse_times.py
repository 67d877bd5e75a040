"""Deciding request by request, as `charter_bls` does it, against deciding with the whole stream at
hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charter_engine.bls.retention import DecideAt, Retention
from charter_engine.bls.sessions import Sessions
from charter_engine.plan.retention.next_use import records
from charter_engine.plan.retention.scale import (
    FEW_PROMPTS,
    LEAF_WITH_HOST_TIER,
    Pricing,
)
from tests.unit.bls.streams import NODES, final_records, model, reuse_times, turns, workload

DECIDE_AT: tuple[DecideAt, ...] = ("sent", "answered")


@pytest.mark.parametrize("decide_at", DECIDE_AT)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(2, 10_000), pricing=st.sampled_from((*FEW_PROMPTS, *LEAF_WITH_HOST_TIER)))
def test_every_request_asks_for_what_prediction_says(
    decide_at: DecideAt, seed: int, pricing: Pricing
) -> None:
    stream = turns(12, seed, nodes=NODES)
    expected = records(workload(stream), model(decide_at), pricing, at_once=False)
    assert final_records(Sessions(reuse_times(decide_at, pricing)), stream) == [
        expected.get(index, Retention()) for index in range(len(stream))
    ]
