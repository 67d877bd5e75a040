"""The latency model, assumed and fitted."""

import json
from pathlib import Path
from typing import Any

import pytest

from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.latency import MODELS, LatencyModel, from_first_principles
from charter_engine.kvcache.predict.latency_fit import NotEnoughMeasured, calibrate
from charter_engine.kvcache.predict.timeline import Timeline, Timing
from charter_engine.kvcache.workload.columns import as_workload

GPU_TIMES = Path(__file__).parents[2] / "fixtures" / "gpu_times"
"""What `bench_gpu_times.py` measured."""
TRUE = LatencyModel(overhead=5.0, prefill_per_token=0.02, prefill_per_pair=1e-6, decode_step=8.0)


def _measured(prompt: int, reused: int, queue: float = 0.0) -> RequestRecord:
    """One on its own: no other prompt is computed within the hundred seconds that are its alone."""
    ttft = TRUE.first_token_ms(prompt, reused, 0) + queue
    return RequestRecord(
        run="r", node="n", item=0, started_at=100 * (prompt + reused / 7 + queue / 500),
        prompt_tokens=prompt, reused_tokens=reused, output_tokens=11,
        ttft_ms=ttft, latency_ms=ttft + 10 * TRUE.decode_step, queue_ms=queue,
    )  # fmt: skip


def test_a_token_of_llama_3_1_8b_takes_128_kib_in_bf16() -> None:
    assert MODELS["llama-3.1-8b"].kv_bytes_per_token == 128 * 1024


def test_first_principles_are_assumed_and_near_the_known_limits() -> None:
    model = from_first_principles()
    assert model.label == "assumed"
    # 8k prompt at 540 TFLOP/s: 244 ms cold, 27.5 ms with 90 % reused.
    assert model.prefill_ms(8192, 0) == pytest.approx(244, rel=0.02)
    assert model.prefill_ms(819, 8192 - 819) == pytest.approx(27.5, rel=0.05)
    assert model.onboard_per_token == pytest.approx(2.44e-3, rel=0.01)


@pytest.mark.parametrize("device", ["h100", "h200"])
def test_first_principles_are_within_seven_hundredths_of_what_real_gpus_took(device: str) -> None:
    model = from_first_principles("llama-3.1-8b", device)
    measured = json.loads((GPU_TIMES / f"{device}.json").read_text())
    told = [entry for entry in measured if entry["what"] == "decode" or entry["tokens"] >= 1024]
    assert len(told) == 22
    for entry in told:
        assert _assumed_ms(model, entry) == pytest.approx(entry["milliseconds"], rel=0.07), entry


def _assumed_ms(model: LatencyModel, entry: dict[str, Any]) -> float:
    match entry["what"]:
        case "prefill":
            return model.iteration_ms(model.prefill_ms(entry["tokens"], entry["context"]))
        case "decode":
            return model.step_ms(entry["tokens"] * entry["context"])
        case _:
            return model.starting_ms(entry["tokens"])


def test_the_last_few_tokens_of_a_prompt_take_as_long_as_reading_the_weights() -> None:
    model = from_first_principles()
    assert model.first_token_ms(8192, 8191, 0) == model.least_iteration == model.step_ms(0)


def test_prompts_that_are_computed_beside_decoding_read_the_weights_no_second_time() -> None:
    model = LatencyModel(prefill_per_token=1.0, decode_per_context=0.5, least_iteration=8.0)
    assert model.step_ms(10, prefill=20.0) == 20.0 + 5.0
    assert model.step_ms(10, prefill=2.0) == 8.0 + 5.0


def test_computing_a_prompt_in_two_parts_takes_as_long_as_at_once() -> None:
    assert TRUE.prefill_ms(600, 0) + TRUE.prefill_ms(400, 600) == pytest.approx(
        TRUE.prefill_ms(1000, 0)
    )


def test_a_fit_to_requests_made_by_a_model_is_that_model() -> None:
    records = [
        _measured(n, n * share // 4, queue)
        for n in (500, 2000, 9000)
        for share in (0, 1, 3)
        for queue in (0, 50)
    ]
    fitted = calibrate(records)
    assert fitted.model.label == "predicted"
    assert fitted.ttft_error < 1e-6
    assert fitted.ttft_r2 == pytest.approx(1)
    assert fitted.decode_error == pytest.approx(0, abs=1e-9)
    assert fitted.model.overhead == pytest.approx(TRUE.overhead)
    assert fitted.model.prefill_per_pair == pytest.approx(TRUE.prefill_per_pair)


def test_times_of_requests_side_by_side_are_fitted_to_what_each_takes_alone() -> None:
    requests = [
        WorkloadRequest(
            timestamp=0,
            input_length=n,
            output_length=60,
            token_ids=tuple(range(n * 9999, n * 9999 + n)),
        )
        for n in range(200, 1000, 50)
    ]
    lanes = tuple((place - 2,) if place > 1 else () for place in range(len(requests)))
    timeline = Timeline(as_workload(requests), PoolSettings(10_000, 16), Timing(after=lanes), TRUE)
    timeline.run()
    records = [
        RequestRecord(
            run="r",
            node="n",
            item=0,
            started_at=one.arrived_ms / 1000,
            prompt_tokens=asked.input_length,
            reused_tokens=0,
            output_tokens=60,
            ttft_ms=one.first_token_ms - one.arrived_ms,
            queue_ms=0.0,
            latency_ms=one.ended_ms - one.arrived_ms,
        )
        for asked, one in zip(requests, timeline.served, strict=True)
    ]
    model = calibrate(records).model
    assert model.prefill_ms(600, 0) == pytest.approx(TRUE.prefill_ms(600, 0), rel=0.05)
    assert model.decode_step == pytest.approx(TRUE.decode_step, rel=0.05)


def test_decoding_that_takes_longer_over_longer_contexts_is_fitted_so() -> None:
    dear = LatencyModel(prefill_per_token=0.02, decode_step=2.0, decode_per_context=0.01)
    requests = [
        WorkloadRequest(
            timestamp=0,
            input_length=n,
            output_length=60,
            token_ids=tuple(range(n * 9999, n * 9999 + n)),
        )
        for n in (100, 2000, 400, 3000, 200, 900, 1500, 300)
    ]
    lanes = tuple((place - 2,) if place > 1 else () for place in range(len(requests)))
    timeline = Timeline(as_workload(requests), PoolSettings(10_000, 16), Timing(after=lanes), dear)
    timeline.run()
    records = [
        RequestRecord(
            run="r",
            node="n",
            item=0,
            started_at=one.arrived_ms / 1000,
            prompt_tokens=asked.input_length,
            reused_tokens=0,
            output_tokens=60,
            ttft_ms=one.first_token_ms - one.arrived_ms,
            queue_ms=0.0,
            latency_ms=one.ended_ms - one.arrived_ms,
        )
        for asked, one in zip(requests, timeline.served, strict=True)
    ]
    model = calibrate(records).model
    assert model.decode_per_context == pytest.approx(dear.decode_per_context, rel=0.1)


def test_no_part_of_a_fit_is_negative() -> None:
    falling = [
        RequestRecord(
            run="r", node="n", item=0, started_at=n, prompt_tokens=n, ttft_ms=1000 - n / 10
        )
        for n in range(100, 900, 100)
    ]
    model = calibrate(falling).model
    assert (
        min(model.overhead, model.prefill_per_token, model.prefill_per_pair, model.decode_step) >= 0
    )


def test_failed_requests_and_those_without_times_do_not_count() -> None:
    failed = RequestRecord(
        run="r", node="n", item=0, started_at=0, prompt_tokens=5, ttft_ms=1.0, error="refused"
    )
    with pytest.raises(NotEnoughMeasured, match="3 requests"):
        calibrate([failed, *(_measured(n, 0) for n in (1, 2, 3))])
