"""What a record tells of who sent a request."""

import pytest

from charter_engine.bls.prompt import Arrival
from charter_engine.bls.served import record_of


@pytest.mark.parametrize(
    ("arrival", "source"),
    [
        (Arrival(), ""),
        (Arrival(run="20261126T090000Z"), "run"),
        (Arrival(run="20261126T090000Z", source="program"), "program"),
        (Arrival(source="gateway"), "gateway"),
        (Arrival(source="a stranger's word"), ""),
    ],
)
def test_it_is_what_the_request_says_where_that_is_known(arrival: Arrival, source: str) -> None:
    record = record_of(
        arrival, None, None, error="", cancelled=False, at=1.0, total_s=0.1, revision=1
    )
    assert record["source"] == source
