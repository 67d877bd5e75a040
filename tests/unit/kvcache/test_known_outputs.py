"""Instant prediction of workloads whose outputs are known."""

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.predictor import predict

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


def test_the_bracket_counts_stored_outputs_too() -> None:
    bracket = predict(conversation(), PoolSettings(gpu_blocks=100, tokens_per_block=8)).bracket
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
