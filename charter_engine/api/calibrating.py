"""Fitting the latency model to measured requests."""

from collections.abc import Sequence
from pathlib import Path

from charter_engine.api.progress import Progress, Report, silent
from charter_engine.api.records import request_records
from charter_engine.contracts.latency import Calibration
from charter_engine.contracts.learning import CalibrateRequest, CalibrateResult
from charter_engine.contracts.live import RequestRecord
from charter_engine.errors import UsageError
from charter_engine.kvcache.predict import latency_fit


def calibrate(request: CalibrateRequest, report: Report = silent) -> CalibrateResult:
    """Fit TTFT and decoding time to what was measured. Blocks. Raises `UsageError`."""
    recording = request.recording
    report(Progress("reading requests"))
    records, notes = request_records(Path(recording))
    report(Progress("fitting times"))
    try:
        calibration = latency_fit.calibrate(records, source=f"fitted to {recording}")
    except latency_fit.NotEnoughMeasured as error:
        raise UsageError(
            f"{recording}: {error}", remedy="record a run with return_perf_metrics on"
        ) from error
    return CalibrateResult(calibration=calibration, notes=notes)


def fitted(records: Sequence[RequestRecord]) -> Calibration | None:
    """The latency model fitted to requests just measured; None where they are too few."""
    try:
        return latency_fit.calibrate(records)
    except latency_fit.NotEnoughMeasured:
        return None
