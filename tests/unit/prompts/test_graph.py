"""The graph of data edges is acyclic, whatever the source."""

import networkx

from charter_engine.contracts.graph import Call, Dependency
from charter_engine.prompts.graph import graph_of, settled


def call(name: str, *sources: str) -> Call:
    return Call(
        id=name,
        path="a.py",
        line=1,
        end_line=1,
        depends_on=tuple(Dependency(source) for source in sources),
    )


def test_an_edge_that_closes_a_circle_becomes_loop_carried() -> None:
    first, second = settled([call("a", "b"), call("b", "a")])
    assert [edge.carried for edge in first.depends_on] == ["loop"]
    assert [edge.carried for edge in second.depends_on] == ["data"]


def test_a_backward_edge_that_closes_nothing_stays() -> None:
    assert settled([call("a", "b"), call("b")])[0].depends_on[0].carried == "data"


def test_the_graph_holds_calls_and_data_edges() -> None:
    graph = graph_of(settled([call("a", "c"), call("b", "a"), call("c", "b")]))
    assert networkx.is_directed_acyclic_graph(graph)
    assert set(graph.edges) == {("a", "b"), ("b", "c")}
