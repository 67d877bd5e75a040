"""Proofs tell a lever that acts from one that is only accepted."""

import pytest
from msgspec.structs import replace

from charter_engine.contracts.live import ServerCounters
from charter_engine.contracts.pool import Eviction
from charter_engine.errors import CharterError
from charter_engine.kvcache import PoolSettings
from charter_engine.servers import proving
from charter_engine.servers.levers import acting, idle
from charter_engine.servers.proving import (
    filling_cost,
    prove_release,
    prove_retention,
    prove_reuse,
)
from tests.unit.servers.pooled import PooledServer


def silent(_: str) -> None: ...


@pytest.mark.parametrize("eviction", ["leaf", "flat"])
@pytest.mark.parametrize("blocks", [32, 100, 1024])
async def test_retention_acts_where_the_manager_heeds_it(eviction: Eviction, blocks: int) -> None:
    server = PooledServer(PoolSettings(blocks, 32, eviction=eviction))
    outcome = await prove_retention(server, await server.profile(), silent)
    assert (outcome.proof, outcome.result) == ("retention", "acts")
    assert outcome.evidence.endswith("and 0 of 127 at 0 were left")


@pytest.mark.parametrize("eviction", ["v2", "vllm"])
@pytest.mark.parametrize("blocks", [32, 100, 1024])
async def test_retention_that_is_accepted_and_ignored_does_not_act(
    eviction: Eviction, blocks: int
) -> None:
    server = PooledServer(PoolSettings(blocks, 32, eviction=eviction))
    assert (await prove_retention(server, await server.profile(), silent)).result == "does not act"


async def test_a_pool_that_is_used_already_changes_nothing() -> None:
    server = PooledServer(PoolSettings(100, 32))
    for _ in range(2):
        outcome = await prove_retention(server, await server.profile(), silent)
        assert outcome.result == "acts"


async def test_a_pool_that_is_larger_than_it_says_proves_nothing() -> None:
    server = PooledServer(PoolSettings(1000, 32, eviction="v2"))
    small = PooledServer(PoolSettings(100, 32))
    outcome = await prove_retention(server, await small.profile(), silent)
    assert outcome.result == "cannot tell"


async def test_the_cost_that_is_told_is_the_cost_that_is_paid() -> None:
    server = PooledServer(PoolSettings(300, 32))
    profile = await server.profile()
    outcome = await prove_retention(server, profile, silent)
    cost = filling_cost(profile)
    assert (outcome.requests, outcome.prompt_tokens) == (cost.requests, cost.prompt_tokens)


async def test_retention_is_not_proved_where_the_profile_knows_that_it_does_not_act() -> None:
    server = PooledServer(PoolSettings(100, 32))
    profile = replace(await server.profile(), levers=(idle("retention", "V2", "switch it off"),))
    with pytest.raises(CharterError, match="no retention to prove: V2") as failure:
        filling_cost(profile)
    assert failure.value.remedy == "switch it off"


async def test_a_pool_of_unknown_size_cannot_be_filled() -> None:
    server = PooledServer(PoolSettings(100, 32))
    profile = replace(await server.profile(), counters=ServerCounters())
    with pytest.raises(CharterError, match="size of its pool is not known"):
        filling_cost(profile)


@pytest.mark.parametrize(("reuse", "result"), [(True, "acts"), (False, "does not act")])
async def test_reuse_is_proved_by_one_prompt_sent_twice(reuse: bool, result: str) -> None:
    server = PooledServer(PoolSettings(100, 32, reuse=reuse))
    outcome = await prove_reuse(server, await server.profile(), silent)
    assert (outcome.result, outcome.requests) == (result, 2)


async def test_a_server_that_tells_nothing_proves_nothing() -> None:
    server = PooledServer(PoolSettings(100, 32), tells=False)
    assert (await prove_reuse(server, await server.profile(), silent)).result == "cannot tell"
    outcome = await prove_retention(server, await server.profile(), silent)
    assert outcome.result == "cannot tell"


@pytest.mark.parametrize(("released", "result"), [(True, "acts"), (False, "does not act")])
async def test_release_is_proved_by_what_is_computed_again(
    released: bool, result: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "FORGETTING_SECONDS", 0.0)
    server = PooledServer(PoolSettings(100, 32), releases=released)
    profile = replace(await server.profile(), levers=(acting("release", "truncate"),))
    outcome = await prove_release(server, profile, silent)
    assert (outcome.proof, outcome.result, outcome.requests) == ("release", result, 3)


async def test_release_is_not_proved_where_there_is_no_route_for_it() -> None:
    server = PooledServer(PoolSettings(100, 32))
    profile = replace(await server.profile(), levers=(idle("release", "it has no route"),))
    with pytest.raises(CharterError, match="no release to prove: it has no route"):
        await prove_release(server, profile, silent)
