"""What a benchmark compares."""

from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange, ServerSettings
from charter_engine.executor.bench.variants import stands_for, variants_of
from charter_engine.plan.levers import without

LAID_OUT = NodePlan(layout="prefix-first", order=(1, 0), cache_group="a", wording={1: "Text:"})
RETAINED = NodePlan(retention=(SegmentRange(first=0, last=0, priority=90),), decode_priority=10)


def plan(node: NodePlan, tokens_per_block: int | None = None) -> Plan:
    return Plan(
        agent="agent.py",
        nodes={"a": node},
        server=ServerSettings(tokens_per_block=tokens_per_block),
    )


def names(of: Plan) -> list[str]:
    return [one.name for one in variants_of(of)]


def test_there_is_a_baseline_without_reuse_the_agent_as_written_and_the_plan() -> None:
    baseline, source, planned = variants_of(plan(LAID_OUT))
    assert [one.name for one in (baseline, source, planned)] == ["baseline", "source", "plan"]
    assert (baseline.reuse, source.reuse, planned.reuse) == (False, True, True)
    assert source.plan.nodes == {} and planned.plan.nodes == {"a": LAID_OUT}


def test_each_lever_that_is_pulled_is_left_out_once() -> None:
    both = NodePlan(layout="prefix-first", order=(1, 0), retention=(SegmentRange(priority=80),))
    assert names(plan(both, tokens_per_block=8)) == [
        "baseline", "source", "plan", "no layout", "no block size", "no retention",
    ]  # fmt: skip


def test_a_variant_that_equals_another_is_not_run_again() -> None:
    only_layout = plan(LAID_OUT)
    assert "no layout" not in names(only_layout)
    stand_in = stands_for(only_layout, "layout", variants_of(only_layout))
    assert stand_in is not None and stand_in.name == "source"


def test_nothing_stands_for_a_lever_the_plan_does_not_pull() -> None:
    assert stands_for(plan(LAID_OUT), "retention", variants_of(plan(LAID_OUT))) is None


def test_retention_of_segments_goes_with_the_layout_they_were_counted_in() -> None:
    whole = SegmentRange(priority=80)
    node = NodePlan(
        layout="prefix-first", order=(1, 0), retention=(SegmentRange(first=1, priority=20), whole)
    )
    assert without(plan(node), "layout").nodes["a"] == NodePlan(retention=(whole,))


def test_without_retention_the_policy_is_the_default_one() -> None:
    reduced = without(Plan(agent="agent.py", policy="static", nodes={"a": RETAINED}), "retention")
    assert (reduced.policy, reduced.nodes["a"]) == ("default", NodePlan())
