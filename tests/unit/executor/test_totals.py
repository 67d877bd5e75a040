"""The totals of an agent's nodes."""

from charter_engine.contracts.live import RequestRecord
from charter_engine.executor.totals import NodeTotals


def passed(node: str) -> RequestRecord:
    return RequestRecord(run="", node=node, item=0, started_at=1.0, prompt_tokens=10)


def test_requests_of_no_node_are_counted_together_behind_the_nodes() -> None:
    totals = NodeTotals(["one", "two"])
    for node in ("two", "", "of another agent"):
        totals.passed(passed(node))
    found = {stats.node: (stats.requests, stats.prompt_tokens) for stats in totals.stats()}
    assert found == {"one": (0, 0), "two": (1, 10), "unmatched": (2, 20)}


def test_nothing_is_said_of_unmatched_requests_where_there_are_none() -> None:
    totals = NodeTotals(["one"])
    totals.passed(passed(""))
    totals.reset()
    assert [stats.node for stats in totals.stats()] == ["one"]
