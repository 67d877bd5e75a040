"""Which policies are compared."""

from typing import get_args

import pytest
from msgspec.structs import replace

from charter_engine.api.policies import without_unknown_times
from charter_engine.contracts.plan import Policy
from charter_engine.contracts.predicting import OTHER_POOLS, PredictRequest
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.columns import as_workload

ALL = PredictRequest(
    workload="trace.jsonl", settings=({},), policies=get_args(Policy), pools=tuple(OTHER_POOLS)
)
NAMELESS = [WorkloadRequest(timestamp=at, input_length=9, output_length=1) for at in range(4)]


def test_all_policies_without_sessions_are_all_but_next_use() -> None:
    request, (note,) = without_unknown_times(ALL, as_workload(NAMELESS))
    assert set(get_args(Policy)) - set(request.policies) == {"next-use"}
    assert "next-use is left out" in note.message


@pytest.mark.parametrize("source", ["reuse_times", "learn_from"])
def test_reuse_times_from_elsewhere_leave_none_out(source: str) -> None:
    asked = replace(ALL, **{source: "other"})
    assert without_unknown_times(asked, as_workload(NAMELESS)) == (asked, ())


def test_a_policy_that_is_named_is_not_left_out() -> None:
    named = PredictRequest(workload="w", settings=({},), policies=("default", "next-use"))
    assert without_unknown_times(named, as_workload(NAMELESS)) == (named, ())
