"""When the requests of a generated workload are sent."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from charter_engine.analysis.agent_workload import generate
from charter_engine.contracts.graph import Call, Dependency, Loop, Segment
from charter_engine.contracts.plan import NodePlan, Plan
from charter_engine.contracts.workload import WorkloadRequest

PACE_MS = 10.0


def call(
    name: str, *segments: Segment, loop: Loop | None = None, after: tuple[Dependency, ...] = ()
) -> Call:
    return Call(
        id=name,
        path="a.py",
        line=1,
        end_line=1,
        output=name,
        loop=loop,
        segments=segments,
        depends_on=after,
    )


FIRST = call("first", Segment(kind="variable", name="text", expression="text"))
SECOND = call(
    "second",
    Segment(kind="upstream", name="first", call="first", carried="data"),
    after=(Dependency("first"),),
)
ROW = Segment(kind="variable", name="row", expression="row")
LOOP = Loop(kind="for", line=1, target="row", iterable="rows")


def letters(text: str, ends: Sequence[int]) -> tuple[list[int], Sequence[int]]:
    return [ord(letter) for letter in text], ends


def requests(
    calls: tuple[Call, ...], inputs: list[Mapping[str, Any]], at_once: int | None
) -> list[WorkloadRequest]:
    placed = generate(
        calls, inputs, Plan(agent="a.py"), letters,
        pace=lambda prompt, output: PACE_MS, at_once=at_once,
    )  # fmt: skip
    return [item.request for item in placed]


def test_the_program_takes_its_inputs_one_after_another() -> None:
    sent = requests((FIRST, SECOND), [{"text": "a"}, {"text": "b"}], None)
    assert [(item.session, item.node, item.timestamp) for item in sent] == [
        ("run-0", "first", 0.0),
        ("run-0", "second", 10.0),
        ("run-1", "first", 20.0),
        ("run-1", "second", 30.0),
    ]


def test_a_run_takes_as_many_inputs_as_may_be_side_by_side() -> None:
    sent = requests((FIRST, SECOND), [{"text": "a"}, {"text": "b"}, {"text": "c"}], 2)
    assert [(item.session, item.timestamp) for item in sent if item.node == "first"] == [
        ("run-0", 0.0), ("run-1", 0.0), ("run-2", 20.0),
    ]  # fmt: skip


def test_passes_of_a_loop_follow_each_other_in_the_program_and_stand_side_by_side_in_a_run() -> (
    None
):
    rows: list[Mapping[str, Any]] = [{"rows": ["a", "b", "c"]}]
    looped = call("judge", ROW, loop=LOOP)
    assert [item.timestamp for item in requests((looped,), rows, None)] == [0.0, 10.0, 20.0]
    assert [item.timestamp for item in requests((looped,), rows, 2)] == [0.0, 0.0, 10.0]


def test_passes_that_need_the_one_before_stay_one_after_another_in_a_run() -> None:
    carried = Segment(kind="upstream", name="judge", call="judge", carried="loop")
    looped = call("judge", ROW, carried, loop=LOOP, after=(Dependency("judge", "loop"),))
    assert [item.timestamp for item in requests((looped,), [{"rows": ["a", "b", "c"]}], 3)] == [
        0.0,
        10.0,
        20.0,
    ]


def test_requests_know_which_have_ended_before_them() -> None:
    placed = generate(
        (FIRST, SECOND), [{"text": "a"}, {"text": "b"}, {"text": "c"}], Plan(agent="a.py"), letters,
        pace=lambda prompt, output: PACE_MS, at_once=2,
    )  # fmt: skip
    named = [(item.request.session, item.request.node) for item in placed]
    assert {
        name: {named[place] for place in item.after}
        for name, item in zip(named, placed, strict=True)
    } == {
        ("run-0", "first"): set(),
        ("run-0", "second"): {("run-0", "first")},
        ("run-1", "first"): set(),
        ("run-1", "second"): {("run-1", "first")},
        ("run-2", "first"): {("run-0", "first"), ("run-0", "second")},
        ("run-2", "second"): {("run-2", "first")},
    }


def test_the_first_request_of_a_cache_group_goes_ahead_of_the_others() -> None:
    placed = generate(
        (FIRST,),
        [{"text": "a"}, {"text": "b"}],
        Plan(agent="a.py", nodes={"first": NodePlan(cache_group="g")}),
        letters,
        pace=lambda prompt, output: PACE_MS,
        at_once=2,
        head_start_ms=4.0,
    )
    assert [item.request.timestamp for item in placed] == [0.0, 4.0]


@given(st.integers(1, 6), st.integers(1, 12))
def test_no_more_chains_are_on_their_way_than_may_be(at_once: int, inputs: int) -> None:
    sent = requests((FIRST, SECOND), [{"text": str(number)} for number in range(inputs)], at_once)
    for moment in {item.timestamp for item in sent}:
        on_their_way = {
            item.session for item in sent if item.timestamp <= moment < item.timestamp + PACE_MS
        }
        assert len(on_their_way) <= at_once
    assert len(sent) == 2 * inputs


def test_a_prompt_without_text_is_a_request_of_one_token() -> None:
    empty = call("empty", Segment(kind="static", text=""))
    sent = requests((FIRST, empty), [{"text": "a"}], None)
    assert [(item.node, item.input_length) for item in sent] == [("first", 1), ("empty", 1)]
