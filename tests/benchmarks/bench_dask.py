"""What a second Dask worker brings: the time of a sweep on one worker and on two.

On the Mooncake conversation trace if it lies beside the repository, else on synthetic
conversations. Scheduler and workers are processes of this machine; the speed-up is bounded by its
idle cores.
"""

import time

from distributed import LocalCluster

from charter_engine.api.sweep import SweepPoint, sweep
from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor
from tests.benchmarks.bench_predict import conversation_trace

SETTINGS = 24


def main() -> None:
    """Print seconds and speed-up."""
    predictor = Predictor(conversation_trace())
    predictor.simulate(PoolSettings(10_000, 512))
    seconds = {workers: sweep_seconds(predictor, workers) for workers in (1, 2)}
    print(
        f"{SETTINGS} settings: 1 worker {seconds[1]:.2f} s, 2 workers {seconds[2]:.2f} s, "
        f"{seconds[1] / seconds[2]:.2f} times as fast (measured)"
    )


def sweep_seconds(predictor: Predictor, workers: int) -> float:
    """Wall seconds of a sweep, the workers having their machine code already."""
    points = [
        SweepPoint(settings=PoolSettings(2_000 + 500 * step, 512)) for step in range(SETTINGS)
    ]
    with LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster:
        list(sweep(predictor, points[:workers], dask=cluster.scheduler_address))
        start = time.monotonic()
        list(sweep(predictor, points, dask=cluster.scheduler_address))
        return time.monotonic() - start


if __name__ == "__main__":
    main()
