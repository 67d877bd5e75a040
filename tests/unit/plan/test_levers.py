"""Plans with levers put back."""

import pytest

from charter_engine.contracts.plan import NodePlan, Plan, SegmentRange, ServerSettings
from charter_engine.contracts.planning import Levers
from charter_engine.plan.levers import LEVERS, left_alone, reduced

NODE = NodePlan(
    layout="prefix-first", order=(1, 0), cache_group="a", retention=(SegmentRange(priority=90),)
)
SERVER = ServerSettings(tokens_per_block=8, kv_cache_host_memory_bytes=1 << 30)
PLAN = Plan(agent="a.py", policy="static", nodes={"a": NODE}, server=SERVER, release="superseded")


@pytest.mark.parametrize("lever", LEVERS)
def test_a_lever_switched_off_is_left_alone_and_changes_the_plan(lever: str) -> None:
    off = left_alone(Levers(**{lever: False}))
    assert off == (lever,)
    assert reduced(PLAN, off) != PLAN


def test_a_plan_without_all_its_levers_is_the_agent_as_written() -> None:
    assert reduced(PLAN, LEVERS) == Plan(agent="a.py", nodes={"a": NodePlan()})


def test_with_all_levers_on_a_plan_stays_as_it_is() -> None:
    assert reduced(PLAN, left_alone(Levers())) == PLAN


def test_without_retention_a_plan_needs_no_reuse_times_file() -> None:
    assert (
        reduced(
            Plan(agent="a.py", policy="next-use", reuse_times="learnt.waits"), ("retention",)
        ).reuse_times
        is None
    )
