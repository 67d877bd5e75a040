"""What no server can run with."""

import pytest

from charter_engine.contracts.plan import Plan, ServerSettings
from charter_engine.plan.sense import GIBIBYTE, NO_BOUNDS, ServerBounds, require_sense
from charter_engine.plan.settings import InvalidSetting

BOUNDS = ServerBounds(tokens_per_block=32, host_memory_bytes=16 * GIBIBYTE)


def plan(server: ServerSettings) -> Plan:
    return Plan(agent="agent.py", server=server)


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (
            ServerSettings(max_tokens_in_paged_kv_cache=31),
            "31 tokens has no room for one block of 32",
        ),
        (
            ServerSettings(max_tokens_in_paged_kv_cache=63, tokens_per_block=64),
            "63 tokens has no room for one block of 64",
        ),
        (
            ServerSettings(kv_cache_host_memory_bytes=17 * GIBIBYTE),
            "17.0 GiB is more than the machine has, which is 16.0 GiB",
        ),
    ],
)
def test_a_plan_that_cannot_run_is_refused(server: ServerSettings, words: str) -> None:
    with pytest.raises(InvalidSetting, match=words):
        require_sense(plan(server), BOUNDS)


def test_what_just_fits_is_taken() -> None:
    fitting = ServerSettings(
        max_tokens_in_paged_kv_cache=32, kv_cache_host_memory_bytes=16 * GIBIBYTE
    )
    require_sense(plan(fitting), BOUNDS)


def test_of_a_server_of_which_nothing_is_known_nothing_is_refused() -> None:
    require_sense(plan(ServerSettings(max_tokens_in_paged_kv_cache=1)), NO_BOUNDS)
    require_sense(plan(ServerSettings(kv_cache_host_memory_bytes=1 << 60)), NO_BOUNDS)
