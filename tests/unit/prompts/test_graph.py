"""The graph of data edges is acyclic, whatever the source."""

import graphlib

from charter_engine.contracts.graph import Call, Dependency
from charter_engine.prompts.graph import settled, successors


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


def test_an_edge_that_closes_a_longer_circle_becomes_loop_carried() -> None:
    first, *others = settled([call("a", "c"), call("b", "a"), call("c", "b")])
    assert [edge.carried for edge in first.depends_on] == ["loop"]
    assert {edge.carried for other in others for edge in other.depends_on} == {"data"}


def test_a_backward_edge_that_closes_nothing_stays() -> None:
    assert settled([call("a", "b"), call("b")])[0].depends_on[0].carried == "data"


def test_a_backward_edge_may_close_a_circle_with_one_that_stays() -> None:
    first, second, third = settled([call("a", "c"), call("b"), call("c", "b", "a")])
    assert [edge.carried for edge in first.depends_on] == ["loop"]
    assert second.depends_on == ()
    assert {edge.carried for edge in third.depends_on} == {"data"}


def test_data_edges_are_followed_from_call_to_call() -> None:
    following = successors(settled([call("a", "c"), call("b", "a"), call("c", "b")]))
    graphlib.TopologicalSorter(following).prepare()
    assert following == {"a": ("b",), "b": ("c",), "c": ()}


def test_edges_from_elsewhere_and_to_the_call_itself_are_left_out() -> None:
    assert successors([call("a", "elsewhere", "a")]) == {"a": ()}
