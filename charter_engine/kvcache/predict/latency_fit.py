"""The latency model fitted to measured requests by least squares."""

from collections.abc import Iterable

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from charter_engine.contracts.live import RequestRecord
from charter_engine.kvcache.predict.latency import LatencyModel

MIN_REQUESTS = 4
Floats = NDArray[np.float64]


class Calibration(Struct, frozen=True, kw_only=True):
    """A fitted model and how far it is off.

    Errors are means of |fitted - measured| / measured over the requests they were fitted on, times
    of requests that ran side by side being what each would have taken alone; None where no request
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
    """Fit overhead, prefill and decode times to requests that succeeded and tell their TTFT and
    reused tokens.

    Time in the queue is taken off, and what the prompts of others took meanwhile: prompts computed
    at once share the time equally, and no request decodes while a prompt is computed. Raises
    NotEnoughMeasured below 4 such requests.
    """
    usable = [r for r in records if r.error is None and r.ttft_ms is not None and r.prompt_tokens]
    if len(usable) < MIN_REQUESTS:
        raise NotEnoughMeasured(
            f"{len(usable)} requests with a measured TTFT and prompt length; "
            f"at least {MIN_REQUESTS} are needed"
        )
    prompt = np.array([r.prompt_tokens for r in usable], dtype=np.float64)
    reused = np.array([r.reused_tokens or 0 for r in usable], dtype=np.float64)
    prompts = _Prompts.of(usable)
    ttft = prompts.alone()
    computed = prompt - reused
    terms = np.stack([np.ones_like(prompt), computed, computed * (reused + computed / 2)])
    weights = _fit(terms, ttft)
    fitted = weights @ terms
    step, decode_error = _fit_decode(usable, prompts)
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


def _fit(terms: Floats, measured: Floats) -> Floats:
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


def _fit_decode(records: list[RequestRecord], prompts: "_Prompts") -> tuple[float, float | None]:
    """Time of one decoding step, and its error."""
    generated = [
        (float(r.output_tokens - 1), r.latency_ms - r.ttft_ms - prompts.computing_ms(*_decoding(r)))
        for r in records
        if r.output_tokens
        and r.output_tokens > 1
        and r.latency_ms is not None
        and r.ttft_ms is not None
    ]
    if not generated:
        return 0.0, None
    steps, times = (np.array(column) for column in zip(*generated, strict=True))
    step = max(0.0, float(steps @ times / (steps @ steps)))
    return step, _relative_error(step * steps, times)


def _decoding(record: RequestRecord) -> tuple[float, float]:
    """From a request's first token to its last, in milliseconds of the clock."""
    begun = record.started_at * 1000
    return begun + (record.ttft_ms or 0.0), begun + (record.latency_ms or 0.0)


class _Prompts:
    """When prompts were computed: spans of the clock in milliseconds, from the end of the queue to
    the first token."""

    def __init__(self, start: Floats, end: Floats) -> None:
        self._start, self._end = start, end
        self._edges = np.unique(np.concatenate([start, end]))
        begun = np.searchsorted(np.sort(start), self._edges[:-1], side="right")
        ended = np.searchsorted(np.sort(end), self._edges[:-1], side="right")
        at_once, lengths = begun - ended, np.diff(self._edges)
        self._share = np.concatenate([[0.0], np.cumsum(lengths / np.maximum(at_once, 1))])
        self._busy = np.concatenate([[0.0], np.cumsum(lengths * (at_once > 0))])

    @classmethod
    def of(cls, records: list[RequestRecord]) -> "_Prompts":
        begun = np.array([r.started_at * 1000 for r in records])
        queued = np.array([r.queue_ms or 0.0 for r in records])
        first = np.array([r.ttft_ms or 0.0 for r in records])
        return cls(begun + queued, begun + np.maximum(first, queued))

    def alone(self) -> Floats:
        """What each would have taken with no other beside it."""
        return np.interp(self._end, self._edges, self._share) - np.interp(
            self._start, self._edges, self._share
        )

    def computing_ms(self, start: float, end: float) -> float:
        """How much of a span prompts were computed in."""
        return float(
            np.interp(end, self._edges, self._busy) - np.interp(start, self._edges, self._busy)
        )


def _relative_error(fitted: Floats, measured: Floats) -> float:
    real = measured > 0
    return (
        float(np.mean(np.abs(fitted[real] - measured[real]) / measured[real]))
        if real.any()
        else 0.0
    )


def _r_squared(fitted: Floats, measured: Floats) -> float:
    spread = float(((measured - measured.mean()) ** 2).sum())
    return 1 - float(((measured - fitted) ** 2).sum()) / spread if spread else 1.0
