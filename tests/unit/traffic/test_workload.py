"""Traffic as a workload."""

import numpy as np

from charter_engine.kvcache.manager.block_manager import BlockManager
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.workload.columns import Workload
from charter_engine.traffic.requests import request_of
from charter_engine.traffic.workload import workload_of
from tests.unit.traffic.records import record

HEAD = list(range(64))
POOL = PoolSettings(tokens_per_block=16, gpu_blocks=100)


def test_requests_arrive_as_they_did_and_failed_ones_are_left_out() -> None:
    workload = workload_of(
        [
            record(HEAD, at=10.0, node="n", session="s", output_tokens=3, total_ms=20.0),
            record(HEAD, at=10.5, error="no"),
            record(HEAD, at=11.0),
        ]
    )
    first, second = workload.requests()
    assert (first.timestamp, second.timestamp) == (0.0, 1000.0)
    assert (first.input_length, first.output_length, first.block_tokens) == (64, 3, 16)
    assert (first.node, first.session, first.served_ms) == ("n", "s", 20.0)
    assert first.hash_ids == second.hash_ids


def test_reuse_is_predicted_by_what_prompts_share() -> None:
    workload = workload_of(
        [record([*HEAD, *([1] * 32)], at=1.0), record([*HEAD, *([2] * 32)], at=2.0)]
    )
    prediction = Predictor(workload).predict(POOL)
    assert prediction.token_hit_rate * workload.prompt_tokens == 64


def test_an_equal_prompt_is_predicted_to_be_reused_but_for_its_last_token() -> None:
    workload = workload_of([record(HEAD[:50], at=1.0), record(HEAD[:50], at=2.0)])
    prediction = Predictor(workload).predict(POOL)
    assert round(prediction.token_hit_rate * workload.prompt_tokens) == 49


def test_a_prompt_that_goes_on_from_an_answer_is_predicted_to_reuse_it() -> None:
    head, answer = list(range(40)), list(range(100, 156))
    workload = workload_of(
        [record(head, answer, at=1.0), record([*head, *answer, *range(200, 230)], at=2.0)]
    )
    assert predicted(workload) == [0, 95]


def test_an_answer_that_no_prompt_goes_on_from_tells_nothing() -> None:
    head = HEAD[:50]
    workload = workload_of(
        [record(head, list(range(n, n + 40)), at=float(n)) for n in (1_000, 2_000)]
    )
    assert not workload.knows_outputs
    assert predicted(workload) == [0, 49]


def test_conversations_are_predicted_as_their_tokens_are_served() -> None:
    random = np.random.default_rng(5)
    pool = PoolSettings(tokens_per_block=32, gpu_blocks=60, partial_reuse=False)
    manager, records, served = BlockManager(pool), [], []
    histories: list[list[int]] = [random.integers(0, 999, 70).tolist() for _ in range(4)]
    for number in range(60):
        history = histories[int(random.integers(4))]
        history += random.integers(0, 999, int(random.integers(1, 60))).tolist()
        answer: list[int] = random.integers(0, 999, int(random.integers(1, 60))).tolist()
        served.append(manager.add(number, history).reused_tokens)
        manager.store_context(number)
        manager.append(number, answer)
        manager.finish(number)
        records.append(record(list(history), answer, at=float(number)))
        history += answer
        if len(history) > 700:
            del history[70:]
    assert predicted(workload_of(records), pool) == served


def predicted(workload: Workload, pool: PoolSettings = POOL) -> list[int]:
    """The tokens that each request is predicted to reuse."""
    reused: list[int] = Predictor(workload).simulate(pool).reused_tokens.tolist()
    return reused


def test_a_record_is_a_request_that_others_sent() -> None:
    request = request_of(record(HEAD, node="n", total_ms=5.0, reused_tokens=2, error="no"))
    assert (request.source, request.node, request.latency_ms) == ("other", "n", 5.0)
    assert (request.prompt_tokens, request.reused_tokens, request.error) == (64, 2, "no")
