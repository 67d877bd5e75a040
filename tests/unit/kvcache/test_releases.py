"""What the requests of a workload release, and what that does for others."""

import pytest
from msgspec.structs import replace

from charter_engine.bls.retention import ReleaseWhen
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.predict.releases import Release, releases_of
from charter_engine.kvcache.predict.timeline import Timing
from charter_engine.kvcache.workload.columns import as_workload

B = 8


def request(session: str, *blocks: int, output: int = 0) -> WorkloadRequest:
    """A prompt of these blocks and one token more."""
    return WorkloadRequest(
        timestamp=0,
        input_length=B * len(blocks) + 1,
        output_length=output,
        hash_ids=blocks,
        block_tokens=B,
        session=session,
    )


def released(when: ReleaseWhen, *requests: WorkloadRequest) -> list[tuple[Release, ...]]:
    workload = as_workload(requests)
    return list(releases_of(workload, Predictor(workload).paths, when) or ())


REWRITTEN = (request("a", 1, 2, 3, 4), request("a", 1, 2, 3, 9, 10))


def test_never_releases_nothing() -> None:
    assert released("never", *REWRITTEN) == []


def test_a_rewritten_end_is_released_with_the_request_that_rewrote_it() -> None:
    assert released("superseded", *REWRITTEN) == [(), (Release(0, 3 * B),)]


def test_a_session_that_ends_releases_what_no_other_came_with() -> None:
    requests = (request("a", 1, 2, 3), request("b", 1, 2, 7, 8), request("b", 1, 2, 7, 8, 9))
    assert released("session-end", *requests) == [(Release(0, 0),), (), (Release(2, 2 * B),)]


def test_requests_without_a_session_release_nothing() -> None:
    assert released("session-end", request("", 1, 2), request("", 1, 3)) == [(), ()]


COME_BACK = (
    request("a", 1, 2, 3),
    request("b", 4, 5, 6),
    request("b", 4, 5, 7),
    request("b", 4, 5, 8),
    request("a", 1, 2, 3),
)
"""Session a finds its prompt only where b's dropped ends gave way before it."""
SCARCE = PoolSettings(gpu_blocks=9, tokens_per_block=B, eviction="flat", partial_reuse=False)


@pytest.mark.parametrize("timing", [None, Timing(after=((), (0,), (1,), (2,), (3,)))])
def test_what_is_released_makes_room_for_what_is_asked_for_again(timing: Timing | None) -> None:
    predictor = Predictor(as_workload(COME_BACK))
    rates = [
        predictor.predict(SCARCE, timing=timing, release=when).token_hit_rate
        for when in ("never", "superseded")
    ]
    assert rates[0] < rates[1]


def test_known_answers_are_released_with_their_prompts() -> None:
    prompt, answer = tuple(range(16)), tuple(range(100, 116))
    first = WorkloadRequest(
        timestamp=0,
        input_length=16,
        output_length=16,
        token_ids=prompt,
        output_ids=answer,
        session="a",
    )
    second = replace(
        first,
        token_ids=(*prompt, *range(200, 217)),
        input_length=33,
        output_ids=tuple(range(300, 316)),
    )
    gone_back = replace(first, token_ids=(*prompt, *answer, 7), input_length=33, session="b")
    settings = PoolSettings(gpu_blocks=40, tokens_per_block=B)
    predictor = Predictor([first, second, gone_back])
    reused = [
        predictor.simulate(settings, None, when).reused_tokens.tolist()
        for when in ("never", "superseded")
    ]
    assert reused == [[0, 16, 31], [0, 16, 16]]
