"""What can be asked of files alone."""

from pathlib import Path

import msgspec
import pytest

import charter_engine as charter
from charter_engine.api.times import latency_of
from charter_engine.contracts.live import RequestRecord

WORKLOAD = Path(__file__).parents[3] / "examples" / "workloads" / "document_processor.jsonl"


def records(path: Path) -> Path:
    """Measured requests that take 2 ms and half a millisecond a computed token."""
    lines = [
        msgspec.json.encode(
            RequestRecord(
                run="r",
                node="n",
                item=number,
                started_at=float(number),
                prompt_tokens=100 + 10 * number,
                output_tokens=10,
                reused_tokens=0,
                ttft_ms=2 + 0.5 * (100 + 10 * number),
                latency_ms=2 + 0.5 * (100 + 10 * number) + 45,
            )
        )
        for number in range(20)
    ]
    path.write_bytes(b"\n".join(lines))
    return path


def test_a_sweep_predicts_every_combination() -> None:
    found = charter.predict(WORKLOAD, sweep={"tokens_per_block": [16, 32], "gpu_blocks": [200]})
    rows = found.to_dicts()
    assert [(row["tokens_per_block"], row["gpu_blocks"]) for row in rows] == [(16, 200), (32, 200)]


def test_policies_are_held_against_default() -> None:
    rows = charter.predict(WORKLOAD, policies=["static"], sweep={"gpu_blocks": [200]}).to_dicts()
    assert [row["policy"] for row in rows] == ["default", "static"]


def test_a_curve_holds_hit_rates_over_pool_sizes() -> None:
    (curve,) = charter.predict(WORKLOAD, curve=True, bracket=False).record.report.curves
    assert curve.tokens_per_block == 32
    assert curve.points[-1].block_hit_rate >= curve.points[0].block_hit_rate


def test_a_curve_tells_what_is_paid_at_some_of_its_points_and_none_of_the_others() -> None:
    (curve,) = charter.predict(WORKLOAD, curve=True, bracket=False).record.report.curves
    paid = [point for point in curve.points if point.computed_tokens is not None]
    assert len(curve.points) > len(paid) > 1 and paid[-1] is curve.points[-1]
    first, last = paid[0].computed_tokens, paid[-1].computed_tokens
    assert first is not None and last is not None and last < first
    assert paid[-1].ttft_ms_mean and paid[-1].ttft_ms_p95 and paid[-1].makespan_ms


def test_a_setting_that_is_none_is_refused() -> None:
    with pytest.raises(charter.UsageError, match="gpu_blocks"):
        charter.predict(WORKLOAD, sweep={"gpu_blocks": [0]})


def test_reuse_times_are_learnt_and_written(tmp_path: Path) -> None:
    output = tmp_path / "reuse_times.json"
    rows = charter.learn(WORKLOAD, output=output).to_dicts()
    assert {row["label"] for row in rows} == {"measured"}
    assert [row["median_s"] is None for row in rows] == [False, False, True]
    found = charter.predict(WORKLOAD, policies=["next-use"], reuse_times=output)
    assert [row["policy"] for row in found.to_dicts()] == ["default", "next-use"]


def test_a_calibration_gives_the_times_of_predictions(tmp_path: Path) -> None:
    fitted = charter.calibrate(records(tmp_path / "records.jsonl"))
    (row,) = fitted.to_dicts()
    assert row["requests"] == 20
    assert row["prefill_per_token_ms"] == pytest.approx(0.5, rel=0.05)
    (predicted,) = charter.predict(WORKLOAD, latency=fitted).to_dicts()
    assert predicted["times_label"] == "predicted"
    same = charter.predict(WORKLOAD, latency=fitted.record.calibration.model)
    assert same.to_dicts() == [predicted]


def test_a_calibration_is_also_read_from_what_the_command_printed(tmp_path: Path) -> None:
    fitted = charter.calibrate(records(tmp_path / "records.jsonl"))
    file = tmp_path / "latency.json"
    file.write_bytes(msgspec.json.encode(fitted.record.calibration))
    assert latency_of("llama-3.1-8b", "h100", str(file)) == fitted.record.calibration.model
    assert charter.predict(WORKLOAD, latency=file).to_dicts() == (
        charter.predict(WORKLOAD, latency=fitted).to_dicts()
    )


async def test_the_asynchronous_forms_give_the_same(tmp_path: Path) -> None:
    file = records(tmp_path / "records.jsonl")
    assert (await charter.predict_async(WORKLOAD)).to_dicts() == (
        charter.predict(WORKLOAD).to_dicts()
    )
    assert (await charter.learn_async(WORKLOAD)).to_dicts() == charter.learn(WORKLOAD).to_dicts()
    assert (await charter.calibrate_async(file)).to_dicts() == charter.calibrate(file).to_dicts()


async def test_a_workload_is_described_converted_and_pooled(tmp_path: Path) -> None:
    workload = charter.workload(WORKLOAD)
    (facts,) = workload.info().to_dicts()
    assert (facts["requests"], facts["sessions"]) == (36, 12)
    (written,) = workload.convert(tmp_path / "same.npz").to_dicts()
    assert written["requests"] == 36
    assert charter.workload(tmp_path / "same.npz").info().to_dicts() == [facts]
    assert (await workload.info_async()).to_dicts() == [facts]


def test_a_workload_that_is_none_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(charter.UsageError, match=r"nowhere\.jsonl"):
        charter.workload(tmp_path / "nowhere.jsonl").info()
