"""Retention of a compiled agent's plan, by every policy."""

from typing import Any

import numpy as np
import pytest

from charter_engine.analysis.agent_workload import PlacedRequest, generate
from charter_engine.contracts.graph import Call, Dependency, Segment
from charter_engine.contracts.plan import DEFAULT_PRIORITY, NodePlan, Plan, Policy
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.columns import as_workload
from charter_engine.plan.retention.agents import edge_reuse_times, retain
from charter_engine.plan.retention.fixed import never_below_its_tail, steps_priority
from charter_engine.plan.retention.model import ReuseTimeModel, learn
from tests.unit.encoding import by_character

SYSTEM = Segment(kind="static", text="You answer in the house style, always. " * 4, role="system")
DOCUMENT = Segment(kind="variable", name="document")


def call(name: str, *segments: Segment, after: str | None = None) -> Call:
    depends_on = (Dependency(after),) if after else ()
    return Call(
        id=name,
        path="agent.py",
        line=1,
        end_line=1,
        output=name,
        segments=segments,
        depends_on=depends_on,
    )


CALLS = (
    call(
        "read",
        SYSTEM,
        DOCUMENT,
        Segment(kind="static", text="List what the document claims, in order of place."),
    ),
    call(
        "judge", SYSTEM, DOCUMENT, Segment(kind="upstream", name="read", call="read"), after="read"
    ),
)


def placed(runs: int = 6) -> tuple[PlacedRequest, ...]:
    inputs: list[dict[str, Any]] = [
        {"document": f"document {run} says so. " * 20} for run in range(runs)
    ]
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


def test_next_use_says_where_its_reuse_times_come_from() -> None:
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


def seen(wait_s: float, spread: float = 0.0, sessions: int = 30) -> ReuseTimeModel:
    """A model of sessions, a minute apart, in which `judge` follows `read` after `wait_s`, give or
    take."""
    random = np.random.default_rng(1)
    requests = []
    for session in range(sessions):
        start = session * 60_000.0
        reuse_time = wait_s * 1000 * float(np.exp(random.normal(0, spread)))
        for node, at in (("read", start), ("judge", start + reuse_time)):
            requests.append(
                WorkloadRequest(
                    timestamp=at, input_length=64, output_length=1, node=node, session=f"s{session}"
                )
            )
    return learn(as_workload(requests))


def test_learnt_reuse_times_replace_the_assumed_ones_and_tell_their_error() -> None:
    reason = retain("next-use", CALLS, placed(), seen(12.0))["read"].why["retention"]
    assert reason.label == "measured"
    assert "again after 1" in reason.text
    assert "error: a factor of" in reason.text


def test_a_longer_wait_is_held_for_longer() -> None:
    durations = [
        retain("next-use", CALLS, placed(), seen(reuse_time))["read"].retention[0].duration_ms or 0
        for reuse_time in (2.0, 40.0)
    ]
    assert durations[0] < durations[1]


def test_reuse_times_too_far_spread_to_act_on_leave_defaults_and_say_so() -> None:
    plan = retain("next-use", CALLS, placed(), seen(12.0, spread=3.0))["read"]
    assert plan.retention == ()
    assert "too far to act on" in plan.why["retention"].text


def test_too_few_reuse_times_change_nothing() -> None:
    few = retain("next-use", CALLS, placed(), seen(12.0, sessions=5))
    assert few == retain("next-use", CALLS, placed())


def test_a_plan_tells_the_reuse_times_of_its_edges_with_their_label() -> None:
    assumed = {
        (one.source, one.target, one.kind): one.reuse_time.label
        for one in edge_reuse_times(CALLS, placed())
    }
    assert assumed[("read", "judge", "chain")] == "assumed"
    learnt = {
        (one.source, one.target): one.reuse_time
        for one in edge_reuse_times(CALLS, placed(), seen(12.0))
    }
    assert learnt["read", "judge"].label == "measured"
    assert learnt["read", "judge"].median_s == pytest.approx(12, rel=0.1)
