"""The block manager on requests as they were sent."""

from charter_engine.bls.retention import Retention, TokenRange
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.executor.bench.replay import ReplayedRequest, replay
from charter_engine.kvcache import PoolSettings

POOL = PoolSettings(gpu_blocks=16, tokens_per_block=4)


def served(
    tokens: range,
    begun: float,
    *,
    ended: float | None = None,
    output: range = range(0),
    priority: int | None = None,
) -> ReplayedRequest:
    retention = None
    if priority is not None:
        retention = Retention(
            ranges=(TokenRange(start=0, priority=priority),), decode_priority=priority
        )
    request = WorkloadRequest(
        timestamp=begun,
        input_length=len(tokens),
        output_length=len(output),
        token_ids=tuple(tokens),
        output_ids=tuple(output),
        retention=retention,
    )
    return ReplayedRequest(request, begun, begun + 0.5, begun + 1 if ended is None else ended)


def reused(requests: list[ReplayedRequest], pool: PoolSettings = POOL) -> list[int | None]:
    return [None if one is None else one.reused_tokens for one in replay(requests, pool)]


def test_a_prompt_sent_again_is_reused_up_to_its_last_token() -> None:
    assert reused([served(range(12), 0), served(range(12), 10)]) == [0, 11]


def test_generated_tokens_are_found_by_a_prompt_that_continues_them() -> None:
    begun = served(range(8), 0, output=range(100, 108))
    continued = served(range(8), 10)
    longer = WorkloadRequest(
        timestamp=20,
        input_length=20,
        output_length=0,
        token_ids=(*range(8), *range(100, 108), 1, 2, 3, 4),
    )
    assert reused([begun, continued, ReplayedRequest(longer, 20, 21, 22)])[2] == 15


def test_a_request_begun_before_another_has_its_prompt_finds_nothing_of_it() -> None:
    first = ReplayedRequest(served(range(12), 0).request, 0, 5, 9)
    assert reused([first, served(range(12), 3), served(range(12), 6)]) == [0, 0, 11]


def test_requests_are_taken_in_the_order_they_began() -> None:
    assert reused([served(range(12), 10), served(range(12), 0)]) == [11, 0]


def test_a_request_the_pool_has_no_room_for_gets_nothing() -> None:
    assert reused([served(range(100), 0), served(range(12), 5)]) == [None, 0]


def test_retention_decides_what_stays() -> None:
    small = PoolSettings(gpu_blocks=6, tokens_per_block=4)
    others = [served(range(50 * n, 50 * n + 12), 10.0 * n) for n in (2, 3, 4)]
    assert reused([served(range(12), 0), *others, served(range(12), 90)], small)[-1] == 0
    assert (
        reused([served(range(12), 0, priority=90), *others, served(range(12), 90)], small)[-1] == 11
    )
