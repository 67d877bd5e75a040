"""Names of calls: as in the source, and no two of an agent alike."""

from hypothesis import given
from hypothesis import strategies as st

from charter_engine.analysis.names import call_names
from charter_engine.contracts.graph import Call


def call(node: str, output: str | None = None, line: int = 1) -> Call:
    function = node.rpartition(":")[0]
    return Call(id=node, path="a.py", line=line, end_line=line, function=function, output=output)


def names(*calls: Call) -> list[str]:
    named = call_names(calls)
    return [named[one.id] for one in calls]


def test_a_call_is_called_what_its_result_is_assigned_to() -> None:
    assert names(call("A.run:draft", "draft"), call("A.run:report", "report")) == [
        "draft",
        "report",
    ]


def test_a_call_whose_result_has_no_name_is_called_by_its_function() -> None:
    assert names(call("A.run:14", line=14)) == ["run()"]


def test_a_node_of_a_graph_is_called_by_its_own_name() -> None:
    assert names(call("graph:writer")) == ["writer"]


def test_calls_of_several_functions_are_told_apart_by_these() -> None:
    assert names(call("A.ask:reply", "reply"), call("A.run:reply", "reply")) == [
        "ask.reply",
        "run.reply",
    ]


def test_calls_of_functions_of_one_name_are_told_apart_by_their_classes() -> None:
    assert names(call("A.run:reply", "reply"), call("B.run:reply", "reply")) == [
        "A.run.reply",
        "B.run.reply",
    ]
    assert names(call("A.run:4", line=4), call("B.run:9", line=9)) == ["A.run()", "B.run()"]


def test_two_calls_that_one_variable_takes_are_told_apart_by_their_lines() -> None:
    assert names(call("A.run:27", "draft", 27), call("A.run:30", "draft", 30)) == [
        "draft:27",
        "draft:30",
    ]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["A.run", "B.run", "A.ask", "<module>", ""]),
            st.sampled_from([None, "draft", "reply"]),
            st.integers(1, 3),
        ),
        max_size=12,
    )
)
def test_no_two_calls_of_an_agent_have_one_name(made: list[tuple[str, str | None, int]]) -> None:
    calls = [
        Call(
            id=f"{function}:{number}",
            path="a.py",
            line=line,
            end_line=line,
            function=function,
            output=output,
        )
        for number, (function, output, line) in enumerate(made)
    ]
    assert len(set(call_names(calls).values())) == len(calls)
