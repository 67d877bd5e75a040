"""The graph as a tree."""

from hypothesis import given
from hypothesis import strategies as st

from charter_engine.contracts.graph import Call, Dependency
from charter_tui.present.graph_table import short_guides
from charter_tui.present.tree import tree_rows


def call(name: str, *upstream: str, loop: tuple[str, ...] = (), function: str = "A.run") -> Call:
    edges = [Dependency(f"{function}:{item}") for item in upstream]
    edges += [Dependency(f"{function}:{item}", "loop") for item in loop]
    return Call(id=f"{function}:{name}", path="a.py", line=1, end_line=1, depends_on=tuple(edges))


def shape(*calls: Call) -> list[str]:
    return [row.guides + row.label for row in tree_rows(calls)]


def test_a_chain_steps_in() -> None:
    assert shape(call("a"), call("b", "a"), call("c", "b")) == ["A.run", "a", "└ b", "  └ c"]


def test_branches_hang_side_by_side() -> None:
    assert shape(call("a"), call("b", "a"), call("c", "a")) == ["A.run", "a", "├ b", "└ c"]


def test_a_join_hangs_below_what_finishes_last_and_names_the_others() -> None:
    rows = tree_rows((call("a"), call("b", "a"), call("c", "b", "a")))
    assert rows[-1].guides == "  └ "
    assert rows[-1].also_from == ("a",)


def test_a_loop_carried_edge_is_told_and_bends_nothing() -> None:
    rows = tree_rows((call("a", loop=("b",)), call("b", "a")))
    assert [row.label for row in rows] == ["A.run", "a", "b"]
    assert rows[1].loops_from == ("b",)


def test_each_function_has_its_heading_and_a_guest_its_full_id() -> None:
    other = Call(id="B.go:x", path="a.py", line=9, end_line=9, depends_on=(Dependency("A.run:a"),))
    assert shape(call("a"), other, call("z", function="C.end")) == [
        "A.run",
        "a",
        "└ B.go:x",
        "C.end",
        "z",
    ]


def test_no_calls_no_rows() -> None:
    assert tree_rows(()) == ()


@given(st.lists(st.lists(st.integers(0, 12), max_size=3), max_size=12))
def test_every_call_stands_once_whatever_the_edges(edges: list[list[int]]) -> None:
    calls = [
        call(str(number), *(str(item) for item in upstream))
        for number, upstream in enumerate(edges)
    ]
    keys = [row.key for row in tree_rows(calls) if row.call is not None]
    if all(item < number for number, upstream in enumerate(edges) for item in upstream):
        assert sorted(keys) == sorted(item.id for item in calls)
    assert len(keys) == len(set(keys))


def test_a_deep_call_keeps_its_guides_short_and_tells_its_depth() -> None:
    assert short_guides("  " * 3 + "└ ") == "      └ "
    assert short_guides("  " * 12 + "└ ") == "⋯13 └ "
