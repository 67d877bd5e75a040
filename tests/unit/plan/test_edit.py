"""Edits of a plan."""

import pytest

from charter_engine.contracts.commands import EditNode
from charter_engine.contracts.graph import Call, CompiledFile
from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange
from charter_engine.plan.edit import default_plan, edit_node, edit_server
from charter_engine.plan.settings import InvalidSetting

COMPILED = CompiledFile(
    path="agent.py",
    calls=(
        Call(id="A.f:x", path="agent.py", line=3, end_line=3),
        Call(id="A.f:y", path="agent.py", line=4, end_line=4),
    ),
)


@pytest.fixture
def plan() -> Plan:
    return default_plan(COMPILED)


def test_the_default_plan_leaves_everything_as_written(plan: Plan) -> None:
    assert plan.nodes == {"A.f:x": NodePlan(), "A.f:y": NodePlan()}


def test_a_priority_without_a_range_covers_the_whole_prompt(plan: Plan) -> None:
    edited = edit_node(plan, EditNode(node="A.f:x", base_revision=0, priority=80))
    assert edited.nodes["A.f:x"].retention == (SegmentRange(priority=80),)


def test_editing_the_duration_keeps_the_priority(plan: Plan) -> None:
    edited = edit_node(plan, EditNode(node="A.f:x", base_revision=0, priority=80))
    edited = edit_node(edited, EditNode(node="A.f:x", base_revision=0, duration_ms=5000))
    assert edited.nodes["A.f:x"].retention == (SegmentRange(priority=80, duration_ms=5000),)


def test_minus_one_takes_a_duration_away(plan: Plan) -> None:
    edited = edit_node(plan, EditNode(node="A.f:x", base_revision=0, priority=80, duration_ms=5000))
    edited = edit_node(edited, EditNode(node="A.f:x", base_revision=0, duration_ms=-1))
    assert edited.nodes["A.f:x"].retention == (SegmentRange(priority=80),)


def test_other_nodes_are_left_alone(plan: Plan) -> None:
    assert (
        edit_node(plan, EditNode(node="A.f:x", base_revision=0, priority=80)).nodes["A.f:y"]
        == NodePlan()
    )


def test_one_of_several_ranges_can_be_edited(plan: Plan) -> None:
    ranges = (SegmentRange(first=0, last=0, priority=90), SegmentRange(first=1, priority=40))
    planned = Plan(agent="agent.py", nodes={"A.f:x": NodePlan(retention=ranges)})
    edited = edit_node(planned, EditNode(node="A.f:x", base_revision=0, range=1, priority=20))
    assert edited.nodes["A.f:x"].retention == (ranges[0], SegmentRange(first=1, priority=20))


def test_an_unknown_node_is_answered_with_the_nearest_id(plan: Plan) -> None:
    with pytest.raises(InvalidSetting, match="no such node") as refusal:
        edit_node(plan, EditNode(node="A.f:z", base_revision=0, priority=80))
    assert refusal.value.remedy.startswith("did you mean A.f:")


def test_an_append_only_layout_needs_a_call_to_continue(plan: Plan) -> None:
    with pytest.raises(InvalidSetting, match="continues no other"):
        edit_node(plan, EditNode(node="A.f:x", base_revision=0, layout="append-only"))


def test_empty_text_leaves_a_server_setting_to_the_deployment(plan: Plan) -> None:
    edited = edit_server(edit_server(plan, "tokens_per_block", "16"), "tokens_per_block", "")
    assert edited.server.tokens_per_block is None


def test_a_layout_can_be_made_to_apply_to_traffic(plan: Plan) -> None:
    edited = edit_node(plan, EditNode(node="A.f:x", base_revision=0, apply="traffic"))
    assert edited.nodes["A.f:x"].apply == "traffic"
    assert edited.nodes["A.f:y"].apply == "own-runs"
