"""From retention by segments to retention by tokens."""

from charter_engine.bls.retention import TokenRange
from charter_engine.contracts.plan import NodePlan, SegmentRange
from charter_engine.plan.ranges import planned_spans, retention_record
from charter_engine.prompts.assembly import Piece

PROMPT = (
    Piece("system", "static", "a", 0),
    Piece("doc", "variable", "a", 1),
    Piece("out", "upstream", "a", -1),
    Piece("<|user|>", "static", "b", 0),
    Piece("task", "static", "b", 0),
)
SPANS = ((0, 10), (10, 30), (30, 50), (50, 52), (52, 60))


def test_a_continued_prompt_counts_the_extended_call_first() -> None:
    assert planned_spans(PROMPT, SPANS) == ((0, 10), (10, 30), (30, 50), (50, 60))


def test_segments_become_token_ranges() -> None:
    plan = NodePlan(
        retention=(
            SegmentRange(first=0, last=1, priority=90),
            SegmentRange(first=2, last=2, priority=10),
        )
    )
    record = retention_record(plan, PROMPT, SPANS)
    assert record is not None
    assert record.ranges == (
        TokenRange(start=0, end=30, priority=90),
        TokenRange(start=30, end=50, priority=10),
    )


def test_a_range_to_the_last_segment_is_open() -> None:
    plan = NodePlan(retention=(SegmentRange(first=3, last=3, priority=90),))
    record = retention_record(plan, PROMPT, SPANS)
    assert record is not None
    assert record.ranges[0].end is None


def test_a_plan_without_retention_asks_for_nothing() -> None:
    assert retention_record(NodePlan(), PROMPT, SPANS) is None
