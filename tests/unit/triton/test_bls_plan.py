"""From a plan and an agent's calls to what `charter_bls` reads."""

import json
from typing import Any

import pytest

from charter_engine.contracts.graph import Call, Dependency, Segment
from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange
from charter_engine.triton.bls.checks import PlanError
from charter_engine.triton.bls.matching import NodeIndex
from charter_engine.triton.bls.plan import parse_plan
from charter_engine.triton.bls_plan import compile_bls_plan
from charter_engine.triton.errors import InvalidInput


def call(name: str, *segments: Segment, after: tuple[str, ...] = ()) -> Call:
    return Call(
        id=name,
        path="a.py",
        line=1,
        end_line=2,
        segments=segments,
        depends_on=tuple(Dependency(item) for item in after),
    )


def static(text: str) -> Segment:
    return Segment(kind="static", text=text)


FIRST = call("first", static("System. "), Segment(kind="variable", name="document"), static(" Names:"))
SECOND = call(
    "second",
    static("System. "),
    Segment(kind="upstream", name="names", call="first"),
    static(" Verdict:"),
    after=("first",),
)


def compiled(**nodes: NodePlan) -> dict[str, Any]:
    text = compile_bls_plan(Plan(agent="a.py", nodes=nodes), (FIRST, SECOND), 7)
    document: dict[str, Any] = json.loads(text)
    return document


def test_static_segments_keep_their_text_and_others_their_place() -> None:
    (node,) = compiled(first=NodePlan())["nodes"]
    assert node["forms"] == [{"pieces": ["System. ", None, " Names:"], "positions": [0, 1, 2]}]


def test_a_reordered_prompt_is_known_in_both_orders() -> None:
    (node,) = compiled(first=NodePlan(layout="prefix-first", order=(2, 0, 1)))["nodes"]
    assert [form["pieces"] for form in node["forms"]] == [[" Names:", "System. ", None], ["System. ", None, " Names:"]]
    assert node["forms"][1]["positions"] == [1, 2, 0]


def test_a_continued_prompt_holds_the_whole_prompt_before_it_and_its_output() -> None:
    document = compiled(first=NodePlan(), second=NodePlan(layout="append-only", extends="first", order=(2,)))
    node = document["nodes"][1]
    assert node["forms"][0]["pieces"] == ["System. ", None, " Names:", None, " Verdict:"]
    assert node["continues"] is True


def test_what_is_compiled_finds_the_prompts_it_was_compiled_from() -> None:
    text = compile_bls_plan(
        Plan(
            agent="a.py",
            nodes={"first": NodePlan(), "second": NodePlan(layout="append-only", extends="first", order=(2,))},
        ),
        (FIRST, SECOND),
        1,
    )
    index = NodeIndex(parse_plan(text).nodes.values())
    match = index.find("System. a report Names: Ann, Bob Verdict:")
    assert match is not None and match.node.name == "second"


def test_a_plan_for_other_calls_names_the_strangers() -> None:
    with pytest.raises(InvalidInput, match="stranger"):
        compile_bls_plan(Plan(agent="a.py", nodes={"stranger": NodePlan()}), (FIRST,), 1)


def test_prompts_that_continue_each_other_in_a_circle_are_refused() -> None:
    plan = Plan(
        agent="a.py",
        nodes={
            "first": NodePlan(layout="append-only", extends="second", order=(0,)),
            "second": NodePlan(layout="append-only", extends="first", order=(0,)),
        },
    )
    with pytest.raises(InvalidInput, match="circle"):
        compile_bls_plan(plan, (FIRST, SECOND), 1)


def test_a_range_beyond_the_prompt_is_refused() -> None:
    with pytest.raises(InvalidInput, match="beyond the last segment"):
        compiled(first=NodePlan(retention=(SegmentRange(first=9),)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "line 1"),
        ("[]", "format: must be 1"),
        ('{"format": 2}', "format: must be 1"),
        ('{"format": 1, "nodes": 3}', "nodes: must be a list"),
        ('{"format": 1, "nodes": [{}]}', "node: must be a call's id"),
        ('{"format": 1, "nodes": [{"node": "a"}, {"node": "a"}]}', "'a' appears twice"),
        ('{"format": 1, "nodes": [{"node": "a", "segments": 2, "order": [0, 0]}]}', "must permute 0 to 1"),
        ('{"format": 1, "nodes": [{"node": "a", "segments": 2, "order": [1]}]}', "leaves out 1 of 2"),
        (
            '{"format": 1, "nodes": [{"node": "a", "retention": {"ranges": [{"priority": 101}]}}]}',
            r"nodes\[0\].retention.ranges\[0\].priority: 101 is not a whole number, 0 to 100",
        ),
        (
            '{"format": 1, "nodes": [{"node": "a", "retention": {"ranges": [{"duration_ms": 0}]}}]}',
            "0 is not milliseconds",
        ),
    ],
)
def test_a_broken_plan_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        parse_plan(text)
