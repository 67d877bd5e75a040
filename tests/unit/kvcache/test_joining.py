"""Workloads joined into one."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.columns import Workload, as_workload
from charter_engine.kvcache.workload.joining import joined
from charter_engine.kvcache.workload.waits import Follows

requests = st.builds(
    WorkloadRequest,
    timestamp=st.floats(0, 1e6),
    input_length=st.just(1024),
    output_length=st.integers(0, 9),
    hash_ids=st.lists(st.integers(0, 50), max_size=2).map(tuple),
    node=st.sampled_from(["", "a", "b"]),
    session=st.sampled_from(["", "s", "t"]),
    served_ms=st.none() | st.floats(0, 100),
)
FIRST = WorkloadRequest(timestamp=0, input_length=9, output_length=0)
workloads = st.lists(
    st.lists(requests, min_size=1, max_size=5).map(as_workload), min_size=1, max_size=4
)


@given(workloads)
def test_nothing_of_a_request_changes_but_when_it_arrives_and_whose_blocks_it_has(
    parts: list[Workload],
) -> None:
    whole = list(joined(parts).requests())
    before = [request for part in parts for request in part.requests()]
    assert [(one.node, one.output_length, len(one.hash_ids), one.served_ms) for one in whole] == [
        (one.node, one.output_length, len(one.hash_ids), one.served_ms) for one in before
    ]


@given(workloads)
def test_sources_stay_apart_in_time_sessions_and_blocks(parts: list) -> None:  # type: ignore[type-arg]
    whole = joined(parts)
    ends = [sum(map(len, parts[: number + 1])) for number in range(len(parts))]
    slices = [range(end - len(part), end) for part, end in zip(parts, ends, strict=True)]
    for earlier, later in pairwise(slices):
        assert whole.arrival_ms[list(earlier)].max() < whole.arrival_ms[list(later)].min()
        blocks = [
            {unit for index in one for unit in whole.units_of(index).tolist()}
            for one in (earlier, later)
        ]
        assert not blocks[0] & blocks[1]
        named = [
            {whole.sessions[whole.session[index]] for index in one} - {""}
            for one in (earlier, later)
        ]
        assert not named[0] & named[1]


def test_nothing_cannot_be_joined() -> None:
    with pytest.raises(ValueError, match="no workload"):
        joined([])


def test_what_requests_follow_is_shifted_with_them() -> None:
    one = replace(as_workload([FIRST, FIRST]), follows={1: Follows((0,), 5.0)})
    assert joined([one, one]).follows == {1: Follows((0,), 5.0), 3: Follows((2,), 5.0)}
