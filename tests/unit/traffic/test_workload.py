"""Traffic as a workload."""

from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.traffic.requests import request_of
from charter_engine.traffic.workload import workload_of
from tests.unit.traffic.records import record

HEAD = list(range(64))


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
    prediction = Predictor(workload).predict(PoolSettings(tokens_per_block=16, gpu_blocks=100))
    assert prediction.token_hit_rate * workload.prompt_tokens == 64


def test_an_equal_prompt_is_predicted_to_be_reused_but_for_its_last_token() -> None:
    workload = workload_of([record(HEAD[:50], at=1.0), record(HEAD[:50], at=2.0)])
    prediction = Predictor(workload).predict(PoolSettings(tokens_per_block=16, gpu_blocks=100))
    assert round(prediction.token_hit_rate * workload.prompt_tokens) == 49


def test_a_record_is_a_request_that_others_sent() -> None:
    request = request_of(record(HEAD, node="n", total_ms=5.0, reused_tokens=2, error="no"))
    assert (request.source, request.node, request.latency_ms) == ("other", "n", 5.0)
    assert (request.prompt_tokens, request.reused_tokens, request.error) == (64, 2, "no")
