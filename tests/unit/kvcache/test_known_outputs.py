"""Instant prediction of workloads whose outputs are known."""

import numpy as np

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.known_outputs import (
    first_of_pairs,
    simulate_with_outputs,
    storing_twice,
)
from charter_engine.kvcache.predict.predictor import Predictor, predict
from charter_engine.kvcache.workload.columns import Workload, as_workload

PROMPT, OUTPUT = tuple(range(100)), tuple(range(1000, 1050))


def conversation(*more: WorkloadRequest) -> list[WorkloadRequest]:
    """A request, and one that continues its prompt and output with twenty tokens."""
    second = (*PROMPT, *OUTPUT, *range(5000, 5020))
    return [
        WorkloadRequest(
            timestamp=0, input_length=100, output_length=50, token_ids=PROMPT, output_ids=OUTPUT
        ),
        *more,
        WorkloadRequest(timestamp=9, input_length=170, output_length=5, token_ids=second),
    ]


def by_blocks(size: int = 8) -> list[WorkloadRequest]:
    """The same conversation, known by the ids of blocks."""
    prompt, whole, second = (-(-tokens // size) for tokens in (100, 150, 170))
    ids = tuple(range(second))
    return [
        WorkloadRequest(
            timestamp=0,
            input_length=100,
            output_length=50,
            hash_ids=ids[:prompt],
            output_hash_ids=ids[prompt:whole],
            block_tokens=size,
        ),
        WorkloadRequest(
            timestamp=9, input_length=170, output_length=5, hash_ids=ids, block_tokens=size
        ),
    ]


def reused(requests: list[WorkloadRequest], settings: PoolSettings) -> float:
    return predict(requests, settings, bracket=False).nodes[0].reused_tokens


def test_a_later_prompt_reuses_what_an_earlier_request_generated() -> None:
    assert reused(conversation(), PoolSettings(gpu_blocks=100, tokens_per_block=8)) == 100 + 50 - 1


def test_the_last_generated_token_is_never_stored() -> None:
    whole = (*PROMPT, *OUTPUT, 7)
    exact = [
        conversation()[0],
        WorkloadRequest(timestamp=9, input_length=151, output_length=1, token_ids=whole),
    ]
    assert reused(exact, PoolSettings(gpu_blocks=100, tokens_per_block=8)) == 149


def test_an_output_that_is_known_by_blocks_is_reused_alike() -> None:
    assert reused(by_blocks(), PoolSettings(gpu_blocks=100, tokens_per_block=8)) == 149


def test_sglangs_cache_keeps_outputs_in_whole_pages() -> None:
    pool = PoolSettings(gpu_blocks=100, tokens_per_block=8, eviction="sglang")
    assert reused(by_blocks(), pool) == reused(conversation(), pool) == 144


def test_requests_that_stand_for_outputs_store_what_the_block_manager_does() -> None:
    requests = conversations(sessions=5, turns=8)
    pool = PoolSettings(gpu_blocks=1_000, tokens_per_block=8)
    doubled = Predictor(storing_twice(requests), compiled=False).simulate(pool)
    exact = simulate_with_outputs(requests, pool)
    assert first_of_pairs(doubled).reused_tokens.tolist() == exact.reused_tokens.tolist()
    assert exact.reused_tokens.any()


def conversations(sessions: int, turns: int) -> Workload:
    """Sessions in turns, each prompt of which goes on from the answer before it."""
    random = np.random.default_rng(3)
    requests = []
    histories: list[tuple[int, ...]] = [(number,) * 9 for number in range(sessions)]
    for number in range(sessions * turns):
        prompt = (*histories[number % sessions], *random.integers(0, 50, 1 + number % 13).tolist())
        output = tuple(random.integers(0, 50, 1 + number % 17).tolist())
        histories[number % sessions] = (*prompt, *output)
        requests.append(
            WorkloadRequest(
                timestamp=number,
                input_length=len(prompt),
                output_length=len(output),
                token_ids=prompt,
                output_ids=output,
            )
        )
    return as_workload(requests)


def test_the_bracket_counts_stored_outputs_too() -> None:
    for requests in (conversation(), by_blocks()):
        bracket = predict(requests, PoolSettings(gpu_blocks=100, tokens_per_block=8)).bracket
        assert bracket is not None
        assert bracket.default_lru == bracket.optimum == 149 / 270


def test_a_scarce_pool_puts_the_prediction_between_the_ends_of_its_bracket() -> None:
    others = [
        WorkloadRequest(
            timestamp=5, input_length=32, output_length=1, token_ids=tuple(range(first, first + 32))
        )
        for first in (7000, 8000)
    ]
    found = predict(conversation(*others), PoolSettings(gpu_blocks=24, tokens_per_block=8))
    assert found.bracket is not None
    assert found.bracket.default_lru <= found.token_hit_rate <= found.bracket.optimum
    assert found.bracket.default_lru < found.bracket.optimum


def test_an_output_the_pool_has_no_room_for_ends_where_the_pool_is_full() -> None:
    output = tuple(range(200, 299))
    long = WorkloadRequest(
        timestamp=0, input_length=8, output_length=99, token_ids=PROMPT[:8], output_ids=output
    )
    assert (
        predict([long], PoolSettings(gpu_blocks=4, tokens_per_block=8), bracket=False).rejected == 0
    )
