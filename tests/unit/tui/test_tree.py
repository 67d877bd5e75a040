"""The graph as rows: in the order in which its calls run, in groups that fold."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from charter_engine.contracts.graph import Call, Dependency, Loop
from charter_engine.contracts.live import NodeStats
from charter_tui.present.graph_order import GraphOrder, summed
from charter_tui.present.tree import FOLDED_FROM, execution_order, tree_of

EACH = Loop(kind="for", line=7, target="source", iterable="sources")


def call(
    name: str,
    *upstream: str,
    loop: tuple[str, ...] = (),
    function: str = "A.run",
    repeated: Loop | None = None,
    output: str | None = None,
) -> Call:
    edges = [Dependency(f"{function}:{item}") for item in upstream]
    edges += [Dependency(f"{function}:{item}", "loop") for item in loop]
    return Call(
        id=f"{function}:{name}",
        path="a.py",
        line=1,
        end_line=1,
        function=function,
        output=output,
        loop=repeated,
        in_loop=repeated is not None,
        depends_on=tuple(edges),
    )


def shape(*calls: Call, folded: frozenset[str] = frozenset()) -> list[str]:
    """The rows as `label`, groups as `label (calls)`, folded ones behind a +, each under its
    heading."""
    return [
        "  " * row.depth
        + ("+" if row.folded else "")
        + row.label
        + (f" ({len(row.inside)})" if row.inside else "")
        for row in tree_of(calls).rows(folded)
    ]


def test_calls_stand_in_the_order_in_which_they_run() -> None:
    assert shape(call("a"), call("b", "a"), call("c")) == ["A.run", "a", "b", "c"]
    assert shape(call("last", "first"), call("first")) == ["A.run", "first", "last"]


def test_a_call_names_what_it_needs_and_what_comes_from_the_turn_before() -> None:
    *_, last = tree_of((call("a"), call("b"), call("c", "b", "a", loop=("c",)))).rows(frozenset())
    assert last.needs == ("b", "a")
    assert last.loops_from == ("c",)


def test_calls_that_need_the_same_may_run_at_once_and_are_a_group() -> None:
    wave = [call(f"note_{number}", "plan") for number in range(3)]
    needs_all = call("digest", "note_0", "note_1", "note_2")
    rows = ["A.run", "plan", "note_0 … note_2 (3)", "  note_0", "  note_1", "  note_2", "digest"]
    assert shape(call("plan"), *wave, needs_all) == rows


def test_two_calls_are_no_group() -> None:
    assert shape(call("a"), call("b", "a"), call("c", "a")) == ["A.run", "a", "b", "c"]


def test_a_loop_of_several_calls_is_a_group_under_its_words() -> None:
    turns = (call("draft", "plan", repeated=EACH), call("critique", "draft", repeated=EACH))
    assert shape(call("plan"), *turns, call("report", "critique")) == [
        "A.run",
        "plan",
        "for source in sources (2)",
        "  draft",
        "  critique",
        "report",
    ]


def test_a_wave_within_a_loop_folds_on_its_own() -> None:
    turns = [call(f"note_{number}", "plan", repeated=EACH) for number in range(3)]
    tree = (call("plan"), *turns, call("digest", "note_0", repeated=EACH))
    folded = frozenset({"wave:A.run:note_0"})
    assert shape(*tree, folded=folded) == [
        "A.run",
        "plan",
        "for source in sources (4)",
        "  +note_0 … note_2 (3)",
        "  digest",
    ]


def test_a_loop_stays_together_though_others_could_run_between() -> None:
    turns = (call("draft", repeated=EACH), call("critique", "draft", repeated=EACH))
    assert shape(turns[0], call("aside"), turns[1])[1:] == [
        "for source in sources (2)",
        "  draft",
        "  critique",
        "aside",
    ]


def test_a_function_has_its_heading_where_its_calls_run() -> None:
    other = Call(id="B.go:x", path="a.py", line=9, end_line=9, depends_on=(Dependency("A.run:a"),))
    back = Call(id="A.run:b", path="a.py", line=2, end_line=2, depends_on=(Dependency("B.go:x"),))
    assert shape(call("a"), back, other) == ["A.run", "a", "B.go", "x", "A.run", "b"]


def test_rows_and_what_they_need_have_the_names_that_came_with_the_agent() -> None:
    first = replace(call("14"), name="draft:14")
    second = replace(call("30", "14"), name="draft:30")
    rows = [row for row in tree_of((first, second)).rows(frozenset()) if row.call is not None]
    assert [(row.label, row.needs) for row in rows] == [
        ("draft:14", ()),
        ("draft:30", ("draft:14",)),
    ]


def test_groups_of_a_large_agent_are_folded_at_first() -> None:
    waves = [
        call(f"w{wave}_{number}", *([f"w{wave - 1}_0"] if wave else []))
        for wave in range(FOLDED_FROM // 3)
        for number in range(3)
    ]
    tree = tree_of(waves)
    assert len(list(tree.rows(tree.folded_at_first))) == FOLDED_FROM // 3 + 1
    assert not tree_of(waves[:3]).folded_at_first


def test_one_key_folds_a_group_and_another_all_of_them() -> None:
    tree = tree_of([call(f"note_{number}") for number in range(3)])
    folded = GraphOrder().toggled("wave:A.run:note_0", tree)
    assert [row.folded for row in folded.of(tree, {})] == [False, True]
    assert not folded.all_toggled(tree).folded_in(tree)
    assert GraphOrder().all_toggled(tree).folded_in(tree) == tree.groups


def test_a_groups_row_adds_up_its_calls() -> None:
    first = NodeStats(node="a", state="done", requests=3, told_tokens=30, ttft_ms_mean=100.0)
    second = NodeStats(node="b", state="running", requests=1, told_tokens=5, ttft_ms_mean=300.0)
    sum_ = summed("wave:a", (first, second, NodeStats(node="c")))
    assert (sum_.state, sum_.requests, sum_.told_tokens) == ("running", 4, 35)
    assert sum_.ttft_ms_mean == 150.0


def test_no_calls_no_rows() -> None:
    assert not shape()


@given(st.lists(st.lists(st.integers(0, 12), max_size=3), max_size=12))
def test_every_call_stands_once_and_behind_what_it_needs(edges: list[list[int]]) -> None:
    calls = [
        call(str(number), *(str(item) for item in upstream if item < len(edges)))
        for number, upstream in enumerate(edges)
    ]
    assert sorted(one.id for one in execution_order(calls)) == sorted(one.id for one in calls)
    rows = [row.key for row in tree_of(calls).rows(frozenset()) if row.call is not None]
    assert sorted(rows) == sorted(one.id for one in calls)
    if all(item < number for number, upstream in enumerate(edges) for item in upstream):
        place = {one.id: at for at, one in enumerate(execution_order(calls))}
        for one in calls:
            assert all(place[edge.call] < place[one.id] for edge in one.depends_on)


def test_a_call_is_found_and_listed_by_what_it_is_called() -> None:
    tree = tree_of((replace(call("31"), name="draft:31"), call("note")))
    found = GraphOrder(text="Draft").of(tree, {})
    assert [row.label for row in found] == ["draft:31"]
    assert [row.label for row in GraphOrder(sort="ttft").of(tree, {})] == ["draft:31", "A.run:note"]
