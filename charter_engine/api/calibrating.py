"""Fitting the latency model to measured requests."""

from pathlib import Path

from charter_engine.api.records import request_records
from charter_engine.contracts.learning import CalibrateRequest, CalibrateResult
from charter_engine.errors import UsageError
from charter_engine.kvcache.predict import latency_fit


def calibrate(request: CalibrateRequest) -> CalibrateResult:
    """Fit TTFT and decoding time to what was measured. Blocks. Raises `UsageError`."""
    recording = request.recording
    records, notes = request_records(Path(recording))
    try:
        fitted = latency_fit.calibrate(records, source=f"fitted to {recording}")
    except latency_fit.NotEnoughMeasured as error:
        raise UsageError(
            f"{recording}: {error}", remedy="record a run with return_perf_metrics on"
        ) from error
    return CalibrateResult(calibration=fitted, notes=notes)
