"""What a fleet is predicted to do with a workload."""

import pytest

from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.workload.columns import Workload, WorkloadBuilder
from charter_engine.routing.simulation import (
    Choose,
    FleetOutcome,
    by_affinity,
    in_turn,
    least_busy,
    simulate_fleet,
)

UNIT = 64
POOL = PoolSettings(10_000, UNIT)


def conversations(count: int, turns: int) -> Workload:
    """Sessions side by side, whose prompts grow by 512 tokens a turn."""
    builder = WorkloadBuilder()
    for turn in range(turns):
        for session in range(count):
            length = 512 * (turn + 1)
            builder.add(
                1000.0 * (turn * count + session),
                length,
                1,
                UNIT,
                [(session * 10_000, length // UNIT)],
                node="main",
                session=f"session {session}",
            )
    return builder.build()


def outcome(choose: Choose, servers: int = 3, workload: Workload | None = None) -> FleetOutcome:
    return simulate_fleet(workload or conversations(10, 4), servers, POOL, choose)


def test_with_affinity_every_turn_finds_what_came_before_as_in_one_pool() -> None:
    assert outcome(by_affinity).reused_tokens == outcome(by_affinity, servers=1).reused_tokens


def test_in_turn_conversations_are_computed_on_every_server() -> None:
    assert outcome(in_turn).computed_tokens > outcome(by_affinity).computed_tokens


@pytest.mark.parametrize("choose", [by_affinity, in_turn, least_busy])
def test_every_request_is_served_once(choose: Choose) -> None:
    assert sum(outcome(choose).requests) == 40


def test_in_turn_all_get_as_many() -> None:
    assert outcome(in_turn, servers=4).requests == (10, 10, 10, 10)


def test_what_is_computed_and_what_is_reused_make_the_prompts() -> None:
    found = outcome(least_busy)
    assert found.computed_tokens + found.reused_tokens == found.prompt_tokens
    assert found.hit_rate == found.reused_tokens / found.prompt_tokens
