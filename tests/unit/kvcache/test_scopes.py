"""Salts and adapters: content is shared within them only."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.workload.columns import Workload, as_workload
from tests.unit.kvcache.workloads import random_workload

POOL = PoolSettings(100, 4)
POOLS = (
    POOL,
    PoolSettings(100, 4, eviction="flat", host_blocks=50),
    PoolSettings(100, 4, eviction="v2"),
    PoolSettings(100, 4, eviction="v2", max_num_turns=1),
    PoolSettings(100, 4, eviction="vllm"),
    PoolSettings(100, 4, eviction="sglang"),
    PoolSettings(100, 4, eviction="sglang", protect_sessions=True),
)
SCOPES: tuple[dict[str, Any], ...] = (
    {},
    {"salt": "tenant a"},
    {"salt": "tenant b"},
    {"adapter": "lora"},
    {"salt": "tenant a", "adapter": "lora"},
)


def _by_token(**fields: Any) -> WorkloadRequest:
    return WorkloadRequest(
        timestamp=0, input_length=9, output_length=0, token_ids=tuple(range(9)), **fields
    )


def _by_block(**fields: Any) -> WorkloadRequest:
    return WorkloadRequest(
        timestamp=0, input_length=9, output_length=0, hash_ids=(7, 8, 9), block_tokens=4, **fields
    )


def _reused(workload: Workload, pool: PoolSettings = POOL) -> list[int]:
    return [int(reused) for reused in Predictor(workload).simulate(pool).reused_tokens]


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("request_of", [_by_token, _by_block])
def test_equal_content_is_shared_within_its_scope_alone(
    request_of: Any, pool: PoolSettings
) -> None:
    once = [request_of(**scope) for scope in SCOPES]
    assert _reused(as_workload([*once, *once]), pool) == [0] * len(SCOPES) + [8] * len(SCOPES)


@given(st.randoms(use_true_random=True))
@settings(max_examples=25, deadline=None)
def test_tenants_with_room_for_all_get_what_each_gets_alone(rng: Random) -> None:
    mixed = [
        structs.replace(one, salt=rng.choice("abc")) for one in random_workload(rng).requests()
    ]
    pool = PoolSettings(100_000, rng.choice((4, 16)))
    found = Predictor(as_workload(mixed)).simulate(pool).reused_tokens.tolist()
    for salt in "abc":
        alone = [one for one in mixed if one.salt == salt]
        if alone:
            shared = [reused for one, reused in zip(mixed, found, strict=True) if one.salt == salt]
            assert shared == Predictor(as_workload(alone)).simulate(pool).reused_tokens.tolist()


def test_a_salt_that_all_have_changes_nothing() -> None:
    workload = as_workload([_by_block(salt="one")] * 2)
    assert _reused(workload) == [0, 8]
    assert len(workload.run_count) == 2


def test_a_prompt_goes_on_from_an_answer_of_its_own_scope() -> None:
    answered = _by_token(salt="a")
    first = WorkloadRequest(
        timestamp=0,
        input_length=9,
        output_length=4,
        token_ids=answered.token_ids,
        output_ids=(20, 21, 22, 23),
        salt="a",
    )
    further = (*answered.token_ids, 20, 21, 22, 23, 24)
    later = [
        WorkloadRequest(timestamp=1, input_length=14, output_length=0, token_ids=further, salt=salt)
        for salt in ("a", "b")
    ]
    assert _reused(as_workload([first, *later])) == [0, 12, 0]


def test_tokens_that_cannot_be_told_apart_by_scope_are_refused() -> None:
    large = WorkloadRequest(
        timestamp=0, input_length=2, output_length=0, token_ids=(1, 1 << 20), salt="a"
    )
    with pytest.raises(ValueError, match="under a salt"):
        as_workload([large])
    as_workload(
        [WorkloadRequest(timestamp=0, input_length=1, output_length=0, token_ids=(1 << 20,))]
    )
