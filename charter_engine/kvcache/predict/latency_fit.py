"""The latency model fitted to measured requests by least squares."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from charter_engine.contracts.latency import Calibration, LatencyModel
from charter_engine.contracts.live import RequestRecord

MIN_REQUESTS = 4
"""Derived: one more than the three times that are fitted to them."""
Floats = NDArray[np.float64]


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
    step, per_context, decode_error = _fit_decode(usable, prompts)
    return Calibration(
        model=LatencyModel(
            overhead=float(weights[0]),
            prefill_per_token=float(weights[1]),
            prefill_per_pair=float(weights[2]),
            decode_step=step,
            decode_per_context=per_context,
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


def _fit_decode(
    records: list[RequestRecord], prompts: "_Prompts"
) -> tuple[float, float, float | None]:
    """Time of one decoding step, time for each token of context of all requests in it, and the
    error."""
    decoded = [
        record
        for record in records
        if record.output_tokens
        and record.output_tokens > 1
        and record.latency_ms is not None
        and record.ttft_ms is not None
    ]
    if not decoded:
        return 0.0, 0.0, None
    spans = np.array([_decoding(record) for record in decoded])
    computing = np.array([prompts.computing_ms(start, end) for start, end in spans])
    times = spans[:, 1] - spans[:, 0] - computing
    outputs = np.array([record.output_tokens or 0 for record in decoded], dtype=np.float64)
    prompt = np.array([record.prompt_tokens or 0 for record in decoded], dtype=np.float64)
    steps = outputs - 1
    terms = np.stack([steps, steps * _context_at_once(spans, prompt + outputs / 2)])
    step, per_context = _fit(terms, times)
    return float(step), float(per_context), _relative_error((step, per_context) @ terms, times)


def _context_at_once(spans: Floats, contexts: Floats) -> Floats:
    """The context of all requests that decode at once, on average over each request's own span of
    the clock."""
    edges = np.unique(spans)
    changes = np.zeros(len(edges))
    np.add.at(changes, np.searchsorted(edges, spans[:, 0]), contexts)
    np.add.at(changes, np.searchsorted(edges, spans[:, 1]), -contexts)
    total = np.concatenate([[0.0], np.cumsum(np.cumsum(changes)[:-1] * np.diff(edges))])
    within = np.interp(spans[:, 1], edges, total) - np.interp(spans[:, 0], edges, total)
    lengths = spans[:, 1] - spans[:, 0]
    return np.where(lengths > 0, within / np.where(lengths > 0, lengths, 1.0), contexts)


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
