"""The contents of a deployment's pool, kept up to date with what passes."""

import pytest
from msgspec import structs

from charter_engine.api.contents import DeploymentContents, retention_by_node, settings_of
from charter_engine.contracts.deploy import Profile
from charter_engine.contracts.graph import Call, Segment
from charter_engine.contracts.live import KvPool
from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange
from charter_engine.errors import CharterError
from tests.unit.traffic.records import record

POOL = KvPool(
    max_blocks=100, free_blocks=100, used_blocks=0, tokens_per_block=16, bytes_per_block=1024
)
PROFILE = Profile(retention=True)
CALL = Call(
    id="a",
    path="a.py",
    line=1,
    end_line=1,
    segments=(
        Segment(kind="static", tokens=64),
        Segment(kind="variable", name="x"),
        Segment(kind="static", tokens=8),
    ),
)
HELD = Plan(agent="", nodes={"a": NodePlan(retention=(SegmentRange(0, 0, 90, 30_000),))})
RECORDS = tuple(
    record([*range(64), *range(1000 * n, 1000 * n + 32)], at=100.0 + n, sequence=n, node="a")
    for n in range(1, 4)
)


def test_what_passed_since_is_added_and_nothing_is_counted_twice() -> None:
    contents = DeploymentContents()
    assert contents.report(RECORDS[:2], POOL, PROFILE, None, (), 200.0).requests == 2
    assert contents.report(RECORDS, POOL, PROFILE, None, (), 200.0).requests == 3


def test_a_request_that_came_before_others_and_was_answered_behind_them_is_added() -> None:
    contents = DeploymentContents()
    contents.report(RECORDS[1:], POOL, PROFILE, None, (), 200.0)
    assert contents.report(RECORDS, POOL, PROFILE, None, (), 200.0).requests == 3


def test_all_requests_whose_content_may_still_lie_in_the_pool_are_followed() -> None:
    """Reused prompts take no room, however many they are."""
    small = structs.replace(POOL, max_blocks=20, free_blocks=20)
    again = [
        record([*range(64), *range(1000 * n, 1000 * n + 16)], at=float(n), reused_tokens=64)
        for n in range(1, 31)
    ]
    assert DeploymentContents().report(again, small, PROFILE, None, (), 99.0).requests == 30


def test_another_plan_begins_anew_with_its_priorities() -> None:
    contents = DeploymentContents()
    contents.report(RECORDS, POOL, PROFILE, None, (CALL,), 110.0)
    held = contents.report(RECORDS, POOL, PROFILE, HELD, (CALL,), 110.0)
    assert {one.name: one.blocks for one in held.priorities} == {"90": 4, "35": 6}
    assert held.requests == 3


def test_what_passed_before_the_engine_was_loaded_again_is_gone() -> None:
    contents = DeploymentContents()
    assert contents.report(RECORDS, POOL, PROFILE, None, (), 110.0).emptied_at is None
    contents.emptied(102.5)
    report = contents.report(RECORDS, POOL, PROFILE, None, (), 110.0)
    assert (report.requests, report.begin, report.emptied_at) == (1, 103.0, 102.5)


def test_where_retention_does_nothing_priorities_stay_the_default() -> None:
    report = DeploymentContents().report(RECORDS, POOL, Profile(), HELD, (CALL,), 110.0)
    assert {one.name for one in report.priorities} == {"35"}


def test_the_host_tier_is_as_large_as_the_deployment_says() -> None:
    profile = Profile(parameters={"kv_cache_host_memory_bytes": "10240"})
    assert settings_of(POOL, profile).host_blocks == 10


def test_a_pool_of_unknown_size_is_refused_with_the_remedy() -> None:
    with pytest.raises(CharterError, match="how large the pool is"):
        settings_of(None, PROFILE)


def test_retention_behind_a_segment_of_unknown_size_is_left_out_and_said() -> None:
    tail = {"a": NodePlan(retention=(SegmentRange(2, None, 90),))}
    asked, notes = retention_by_node(tail, (CALL,))
    assert not asked["a"].ranges
    assert "a" in notes[0].message


def test_prompts_that_nobody_knows_are_told() -> None:
    unknown = record([], at=1.0, prompt_tokens=64)
    report = DeploymentContents().report((unknown,), POOL, PROFILE, None, (), 2.0)
    assert report.notes[0].message.endswith("not known: 1")
