"""What a record tells of who sent a request, and of which call."""

import pytest

from charter_engine.bls.plan import ServedPlan
from charter_engine.bls.prompt import Arrival, Preparer
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


@pytest.mark.parametrize(
    ("named", "node", "unmatched"),
    [("draft", "draft", ""), ("", "", "no plan with nodes is live")],
)
def test_while_no_plan_has_nodes_a_request_belongs_to_the_call_that_its_client_names(
    named: str, node: str, unmatched: str
) -> None:
    arrival = Arrival(token_ids=(1, 2), node=named)
    record = record_of(
        arrival,
        Preparer(ServedPlan(), None).prepare(arrival),
        None,
        error="",
        cancelled=False,
        at=1.0,
        total_s=0.1,
        revision=0,
    )
    assert (record["node"], record["unmatched"]) == (node, unmatched)
