"""Many settings predicted side by side, in processes of their own or on a Dask cluster."""

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence

from msgspec import Struct

from charter_engine.api.dask_cluster import on_cluster
from charter_engine.api.progress import Progress, Report, silent
from charter_engine.bls.retention import ReleaseWhen
from charter_engine.children import safe_path
from charter_engine.contracts.prediction import Prediction
from charter_engine.kvcache.manager.settings import PoolSettings
from charter_engine.kvcache.predict.demotions import DemotedPrompt
from charter_engine.kvcache.predict.latency import LatencyModel
from charter_engine.kvcache.predict.predictor import Predictor, Retain
from charter_engine.kvcache.predict.simulation import code_is_kept, warm_up
from charter_engine.kvcache.predict.timeline import Timing
from charter_engine.store.machine_code import compile_behind


class SweepPoint(Struct, frozen=True, kw_only=True):
    """One setting to predict, and what goes with it. `queue` schedules the times of requests where
    no `timing` has them overlap."""

    settings: PoolSettings
    timing: Timing | None = None
    queue: Timing | None = None
    latency: LatencyModel | None = None
    retention: Retain | None = None
    demotions: tuple[DemotedPrompt, ...] = ()
    release: ReleaseWhen = "never"
    bracket: bool = True
    kv_bytes_per_token: int | None = None


def sweep(
    predictor: Predictor, points: Sequence[SweepPoint], jobs: int | None = None, dask: str = ""
) -> Iterator[Prediction]:
    """Predictions in the order of the points, as they become ready: in so many processes (None: one
    a core), or by the workers of the Dask scheduler that is named. Leaving the iterator stops what
    still runs. Raises `CharterError` for a cluster that cannot be worked with."""
    if dask:
        _ = predictor.paths
        yield from on_cluster(dask, _predict, predictor, points)
        return
    instant = [point.settings for point in points if point.timing is None]
    compiles_here = any(map(predictor.prefers_compiled, instant))
    if not compiles_here and any(map(predictor.profits_from_machine_code, instant)):
        compile_behind()
    workers = min(len(points), jobs or os.cpu_count() or 1)
    if workers <= 1:
        for point in points:
            yield _predict(predictor, point)
        return
    # The tree and the machine code are the same for all settings: made once, here.
    _ = predictor.paths
    if compiles_here and not code_is_kept():
        warm_up()
    context = multiprocessing.get_context("spawn")
    with safe_path(), context.Pool(workers, _start, (predictor,)) as pool:
        yield from pool.imap(_predict_here, points)


def predicted(
    predictor: Predictor,
    points: Sequence[SweepPoint],
    jobs: int | None = None,
    report: Report = silent,
    *,
    dask: str = "",
) -> tuple[Prediction, ...]:
    """All predictions in the order of the points, each reported as it becomes ready."""
    found: list[Prediction] = []
    for prediction in sweep(predictor, points, jobs, dask):
        found.append(prediction)
        report(Progress("predicting settings", len(found), len(points)))
    return tuple(found)


_held: list[Predictor] = []
"""In a worker, the predictor it was given."""


def _start(predictor: Predictor) -> None:
    """A worker's first act. Ctrl-C is the parent's to handle: it stops the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _held.append(predictor)


def _predict_here(point: SweepPoint) -> Prediction:
    return _predict(_held[0], point)


def _predict(predictor: Predictor, point: SweepPoint) -> Prediction:
    return predictor.predict(
        point.settings,
        timing=point.timing,
        latency=point.latency,
        retention=point.retention,
        demotions=point.demotions,
        release=point.release,
        bracket=point.bracket,
        kv_bytes_per_token=point.kv_bytes_per_token,
        queue=point.queue,
    )
