"""The latency model fitted to measured requests by least squares."""

from collections.abc import Iterable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from charter_engine.contracts.live import RequestRecord
from charter_engine.kvcache.latency import LatencyModel

MIN_REQUESTS = 4


class Calibration(Struct, frozen=True, kw_only=True):
    """A fitted model and how far it is off.

    Errors are means of |fitted - measured| / measured over the requests they were fitted on; None where no request
    had what is needed.
    """

    model: LatencyModel
    requests: int
    ttft_error: float
    ttft_r2: float
    decode_error: float | None = None


class NotEnoughMeasured(ValueError):
    """Too few usable requests to fit a model to."""


def calibrate(records: Iterable[RequestRecord], source: str = "") -> Calibration:
    """Fit overhead, prefill and decode times to requests that succeeded and tell their TTFT and reused tokens.

    Time in the queue is taken off. Raises NotEnoughMeasured below 4 such requests.
    """
    usable = [r for r in records if r.error is None and r.ttft_ms is not None and r.prompt_tokens]
    if len(usable) < MIN_REQUESTS:
        raise NotEnoughMeasured(
            f"{len(usable)} requests with a measured TTFT and prompt length; at least {MIN_REQUESTS} are needed"
        )
    prompt = np.array([r.prompt_tokens for r in usable], dtype=np.float64)
    reused = np.array([r.reused_tokens or 0 for r in usable], dtype=np.float64)
    ttft = np.array([(r.ttft_ms or 0.0) - (r.queue_ms or 0.0) for r in usable])
    computed = prompt - reused
    terms = np.stack([np.ones_like(prompt), computed, computed * (reused + computed / 2)])
    weights = _fit(terms, ttft)
    fitted = weights @ terms
    step, decode_error = _fit_decode(usable)
    return Calibration(
        model=LatencyModel(
            overhead=float(weights[0]),
            prefill_per_token=float(weights[1]),
            prefill_per_pair=float(weights[2]),
            decode_step=step,
            label="predicted",
            source=source or f"fitted to {len(usable)} measured requests",
        ),
        requests=len(usable),
        ttft_error=_relative_error(fitted, ttft),
        ttft_r2=_r_squared(fitted, ttft),
        decode_error=decode_error,
    )


def _fit(terms: NDArray[np.float64], measured: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least squares with no negative weight: the most negative term goes, until none is."""
    kept = list(range(len(terms)))
    weights = np.zeros(len(terms))
    while kept:
        scale = np.abs(terms[kept]).max(axis=1)
        scale[scale == 0] = 1
        found = np.linalg.lstsq((terms[kept] / scale[:, None]).T, measured, rcond=None)[0] / scale
        if found.min() >= 0:
            weights[kept] = found
            break
        del kept[int(np.argmin(found * scale))]
    return weights


def _fit_decode(records: list[RequestRecord]) -> tuple[float, float | None]:
    """Time of one decoding step, and its error."""
    generated = [
        (float(r.output_tokens - 1), r.latency_ms - r.ttft_ms)
        for r in records
        if r.output_tokens and r.output_tokens > 1 and r.latency_ms is not None and r.ttft_ms is not None
    ]
    if not generated:
        return 0.0, None
    steps, times = (np.array(column) for column in zip(*generated, strict=True))
    step = max(0.0, float(steps @ times / (steps @ steps)))
    return step, _relative_error(step * steps, times)


def _relative_error(fitted: NDArray[np.float64], measured: NDArray[np.float64]) -> float:
    real = measured > 0
    return float(np.mean(np.abs(fitted[real] - measured[real]) / measured[real])) if real.any() else 0.0


def _r_squared(fitted: NDArray[np.float64], measured: NDArray[np.float64]) -> float:
    spread = float(((measured - measured.mean()) ** 2).sum())
    return 1 - float(((measured - fitted) ** 2).sum()) / spread if spread else 1.0
