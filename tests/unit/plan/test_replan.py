"""Deriving again over an edited plan."""

from msgspec.structs import replace

from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange, ServerSettings
from charter_engine.plan.plan_file import read_plan
from charter_engine.plan.replan import replan

PLAN = Plan(
    agent="agent.py",
    server=ServerSettings(tokens_per_block=16),
    nodes={"A.f:x": NodePlan(retention=(SegmentRange(priority=80),), decode_priority=20)},
)


def test_a_derived_plan_reads_back_equal() -> None:
    assert read_plan(replan(PLAN), "plan.yaml") == PLAN


def test_comments_survive() -> None:
    edited = replan(PLAN).replace(
        "tokens_per_block: 16", "tokens_per_block: 16  # agreed with operations"
    )
    assert "# agreed with operations" in replan(PLAN, edited)


def test_a_value_changed_by_hand_survives_a_new_derivation() -> None:
    edited = replan(PLAN).replace("tokens_per_block: 16", "tokens_per_block: 64")
    fresh = replace(PLAN, server=ServerSettings(tokens_per_block=8))
    assert read_plan(replan(fresh, edited), "plan.yaml").server.tokens_per_block == 64


def test_a_value_left_alone_follows_the_new_derivation() -> None:
    fresh = replace(PLAN, server=ServerSettings(tokens_per_block=8))
    assert read_plan(replan(fresh, replan(PLAN)), "plan.yaml").server.tokens_per_block == 8


def test_an_edit_survives_twice() -> None:
    edited = replan(PLAN).replace("priority: 80", "priority: 95")
    twice = replan(PLAN, replan(PLAN, edited).replace("agent.py", "agent.py"))
    assert read_plan(twice, "plan.yaml").nodes["A.f:x"].retention[0].priority == 95


def test_a_node_that_left_the_agent_leaves_the_plan() -> None:
    fresh = replace(PLAN, nodes={"A.f:y": NodePlan()})
    assert set(read_plan(replan(fresh, replan(PLAN)), "plan.yaml").nodes) == {"A.f:y"}


def test_a_plan_written_by_hand_keeps_its_comments_and_takes_the_derived_values() -> None:
    text = "agent: agent.py  # ours\nserver:\n  tokens_per_block: 64\n"
    result = replan(PLAN, text)
    assert "# ours" in result
    assert read_plan(result, "plan.yaml").server.tokens_per_block == 16
