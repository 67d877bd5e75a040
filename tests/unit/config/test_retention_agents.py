"""Retention of a compiled agent's plan, by every policy."""

from typing import Any

import pytest

from charter_engine.analysis.agent_workload import PlacedRequest, generate
from charter_engine.config.retention.agents import retain
from charter_engine.config.retention.fixed import never_below_its_tail, steps_priority
from charter_engine.contracts.graph import Call, Dependency, Segment
from charter_engine.contracts.plan import DEFAULT_PRIORITY, NodePlan, Plan, Policy
from charter_engine.dag.tokens import by_character

SYSTEM = Segment(kind="static", text="You answer in the house style, always. " * 4, role="system")
DOCUMENT = Segment(kind="variable", name="document")


def call(name: str, *segments: Segment, after: str | None = None) -> Call:
    depends_on = (Dependency(after),) if after else ()
    return Call(id=name, path="agent.py", line=1, end_line=1, output=name, segments=segments, depends_on=depends_on)


CALLS = (
    call("read", SYSTEM, DOCUMENT, Segment(kind="static", text="List what the document claims, in order of place.")),
    call("judge", SYSTEM, DOCUMENT, Segment(kind="upstream", name="read", call="read"), after="read"),
)


def placed(runs: int = 6) -> tuple[PlacedRequest, ...]:
    inputs: list[dict[str, Any]] = [{"document": f"document {run} says so. " * 20} for run in range(runs)]
    return generate(CALLS, inputs, Plan(agent="agent.py"), by_character)


def priorities(plan: NodePlan, segments: int) -> list[int]:
    found = [DEFAULT_PRIORITY] * segments
    for item in plan.retention:
        for place in range(item.first, segments if item.last is None else item.last + 1):
            found[place] = item.priority
    return found


def test_default_asks_for_nothing() -> None:
    assert retain("default", CALLS, placed()) == {}


def test_static_follows_the_fixed_points() -> None:
    plans = retain("static", CALLS, placed())
    assert priorities(plans["judge"], 3) == [100, 75, 75]
    assert priorities(plans["read"], 3) == [100, 35, 35]


def test_steps_ranks_by_requests_until_the_next_use() -> None:
    plans = retain("steps", CALLS, placed())
    assert priorities(plans["read"], 3)[1] == steps_priority(1)
    assert priorities(plans["judge"], 3)[2] == DEFAULT_PRIORITY


def test_next_use_lets_go_first_of_what_the_run_leaves_behind() -> None:
    plans = retain("next-use", CALLS, placed())
    assert priorities(plans["judge"], 3)[1:] == [0, 0]
    assert priorities(plans["read"], 3)[2] == 0


def test_next_use_keeps_what_the_next_call_begins_with() -> None:
    read = priorities(retain("next-use", CALLS, placed())["read"], 3)
    assert read[0] > DEFAULT_PRIORITY
    assert read[1] > DEFAULT_PRIORITY


def test_next_use_says_where_its_waits_come_from() -> None:
    reason = retain("next-use", CALLS, placed())["read"].why["retention"]
    assert "again after" in reason.text
    assert reason.label == "assumed"


@pytest.mark.parametrize("policy", ["static", "steps", "next-use"])
def test_no_head_ranks_below_what_hangs_below_it(policy: Policy) -> None:
    for plan in retain(policy, CALLS, placed()).values():
        found = priorities(plan, 3)
        assert found == sorted(found, reverse=True)


def test_a_head_is_raised_to_its_tail() -> None:
    assert never_below_its_tail([35, 80, 10]) == [80, 80, 10]
