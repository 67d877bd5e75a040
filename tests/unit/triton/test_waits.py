"""Deciding request by request, as `charter_bls` does it, against deciding with the whole stream at
hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charter_engine.bls.past import FEATURES, Past
from charter_engine.bls.sessions import Sessions
from charter_engine.plan.retention import features as offline
from charter_engine.plan.retention.features import Moment
from charter_engine.plan.retention.next_use import records
from tests.unit.triton.streams import NODES, final_records, model, turns, waits, workload

pytestmark = pytest.mark.slow

MOMENTS: tuple[Moment, ...] = ("sent", "answered")


@pytest.mark.parametrize("moment", MOMENTS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(2, 10_000))
def test_every_request_asks_for_what_prediction_says(moment: Moment, seed: int) -> None:
    stream = turns(12, seed, nodes=NODES)
    expected = records(workload(stream), model(moment))
    assert final_records(Sessions(waits(moment)), stream) == [
        expected[index] for index in range(len(stream))
    ]


def test_the_features_are_those_of_prediction_to_the_last_bit() -> None:
    stream = turns(1, 5, longest=60)
    table = workload(stream)
    requests = np.arange(len(stream))
    common = offline.common_prefixes(table, requests)
    expected = offline.session_features(table, requests, common, [0.5] * len(table.nodes), "sent")
    past = Past()
    for row, turn, shared in zip(expected, stream, common.tolist(), strict=True):
        found = past.sent(turn.at_ms / 1000.0, len(turn.tokens), shared, 0.5)
        np.testing.assert_array_equal(np.array(found), row)
        past.answered(len(turn.output), turn.served_ms / 1000.0)
    assert FEATURES == offline.NAMES
