"""Kinds of reuse and edges between calls."""

import pytest

from charter_engine.contracts.graph import Call, Dependency
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.columns import Workload, as_workload
from charter_engine.plan.retention.features import by_session
from charter_engine.plan.retention.kinds import kind_of, learnt_edges, learnt_kinds


def session(*turns: tuple[str, float, float | None], name: str = "s") -> Workload:
    """A session of (node, arrival in seconds, seconds served)."""
    return as_workload(
        WorkloadRequest(
            timestamp=at * 1000,
            input_length=64,
            output_length=1,
            node=node,
            session=name,
            served_ms=None if served is None else served * 1000,
        )
        for node, at, served in turns
    )


@pytest.mark.parametrize(
    ("second", "kind"),
    [
        (("b", 1.0, 0.0), "chain"),
        (("a", 1.0, 0.0), "loop back"),
        (("a", 6.0, 0.0), "tool"),
        (("a", 90.0, 0.0), "human"),
        (("a", 0.5, 0.0), "fan-out"),
    ],
)
def test_what_lies_between_two_requests_tells_the_kind(
    second: tuple[str, float, float], kind: str
) -> None:
    workload = session(("a", 0.0, 1.0), second)
    assert list(learnt_kinds(workload, by_session(workload))) == [kind]


def test_without_serving_times_no_tool_is_told_from_a_chain() -> None:
    workload = session(("a", 0.0, None), ("b", 6.0, None), ("b", 100.0, None))
    assert list(learnt_kinds(workload, by_session(workload))) == ["chain", "human"]


def test_an_edge_reaches_the_next_request_of_each_call_until_its_source_comes_again() -> None:
    workload = session(
        ("a", 0.0, None), ("b", 1.0, None), ("c", 3.0, None), ("a", 7.0, None), ("b", 8.0, None)
    )
    edges = {
        (edge.source, edge.target): edge.times
        for edge in learnt_edges(workload, by_session(workload))
    }
    assert set(edges) == {
        ("a", "b"),
        ("a", "c"),
        ("a", "a"),
        ("b", "c"),
        ("b", "a"),
        ("b", "b"),
        ("c", "a"),
        ("c", "b"),
    }
    assert edges["a", "b"].never == 0
    assert edges["a", "c"].never == 1
    assert edges["a", "c"].median() == float("inf") or edges["a", "c"].median() == pytest.approx(
        3, rel=0.1
    )


def call(name: str, *depends_on: Dependency, **fields: object) -> Call:
    return Call(id=name, path="a.py", line=1, end_line=1, depends_on=depends_on, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "target", "kind"),
    [
        (call("a"), call("b", Dependency("a")), "chain"),
        (call("a"), call("b"), "chain"),
        (call("a", parameters={"tools": "search"}), call("b", Dependency("a")), "tool"),
        (call("a"), call("b", Dependency("a"), fanout="rows"), "fan-out"),
        (call("a"), call("b", Dependency("a", "loop")), "loop back"),
        (call("a"), call("a"), "loop back"),
        (call("a", fanout="rows"), call("a", fanout="rows"), "fan-out"),
    ],
)
def test_the_graph_tells_the_kind_of_an_edge(source: Call, target: Call, kind: str) -> None:
    assert kind_of(source, target) == kind
