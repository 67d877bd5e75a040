"""A setting or a priority one step up or down."""

from dataclasses import replace

import pytest
from msgspec.structs import replace as with_fields

from charter_engine.contracts.gauges import Draft
from charter_engine.contracts.plan import NodePlan, SegmentRange, ServerSettings
from charter_tui.state import Snapshot
from charter_tui.stepping import NoStep, stepped, stepped_priority
from tests.tui.scene import ENTITIES, PLAN, SESSION, TRITON, VALIDATED

LIVE = Snapshot(session=SESSION, triton=TRITON)


def drafted(**settings: object) -> Snapshot:
    server = with_fields(ServerSettings(), **settings)
    return replace(LIVE, draft=Draft(plan=with_fields(PLAN, server=server)))


@pytest.mark.parametrize(
    ("key", "value", "up", "down"),
    [
        ("tokens_per_block", 32, "64", "16"),
        ("tokens_per_block", 2, "4", "2"),
        ("enable_kv_cache_reuse", True, "false", "false"),
        ("kv_cache_free_gpu_mem_fraction", 0.9, "0.95", "0.85"),
        ("max_tokens_in_paged_kv_cache", 1000, "1100", "900"),
        ("kv_cache_host_memory_bytes", 0, "1073741824", "0"),
        ("batch_scheduler_policy", "max_utilization", "guaranteed_no_evict", "guaranteed_no_evict"),
    ],
)
def test_a_step_goes_from_the_drafts_value(key: str, value: object, up: str, down: str) -> None:
    snapshot = drafted(**{key: value})
    assert stepped(snapshot, key, 1) == up
    assert stepped(snapshot, key, -1) == down


def test_without_a_draft_a_step_goes_from_what_is_served() -> None:
    plain = replace(
        LIVE, session=with_fields(SESSION, plan=with_fields(PLAN, server=ServerSettings()))
    )
    assert stepped(plain, "tokens_per_block", 1) == "64"
    assert stepped(plain, "kv_cache_free_gpu_mem_fraction", -1) == "0.85"
    assert stepped(plain, "max_tokens_in_paged_kv_cache", 1) == str(round(1024 * 32 * 1.1))


def test_what_nobody_tells_is_to_be_typed() -> None:
    with pytest.raises(NoStep, match="type a value"):
        stepped(Snapshot(), "batch_scheduler_policy", 1)


def test_the_priority_that_is_stepped_is_that_of_the_range_kept_most() -> None:
    ranges = (SegmentRange(0, 0, 60), SegmentRange(1, 1, 98))
    plan = with_fields(PLAN, nodes={ENTITIES: NodePlan(retention=ranges)})
    snapshot = replace(LIVE, draft=Draft(plan=plan))
    assert stepped_priority(snapshot, ENTITIES, 1) == (1, 100)
    assert stepped_priority(snapshot, VALIDATED, -1) == (None, 30)
