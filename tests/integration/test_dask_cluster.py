"""Sweeps on a Dask cluster: a scheduler and two workers, in processes of their own."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

import charter_engine
from charter_engine.api.dask_cluster import on_cluster
from charter_engine.api.sweep import SweepPoint, sweep
from charter_engine.cli import main
from charter_engine.contracts.prediction import Prediction
from charter_engine.errors import CharterError, UsageError
from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor
from tests.benchmarks.bench_dask import scheduler, worker
from tests.unit.kvcache.workloads import random_workload

if TYPE_CHECKING:
    from distributed import LocalCluster

pytestmark = pytest.mark.slow
POINTS = [SweepPoint(settings=PoolSettings(blocks, 16)) for blocks in range(60, 72)]


@pytest.fixture(scope="module")
def cluster() -> "Iterator[LocalCluster]":
    distributed = pytest.importorskip(
        "distributed", reason="Dask is missing: pip install 'charter-kv[dask]'"
    )
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        yield cluster


def locally(predictor: Predictor) -> list[Prediction]:
    return list(sweep(predictor, POINTS, jobs=1))


def test_a_worker_that_is_killed_midway_changes_no_prediction(cluster: "LocalCluster") -> None:
    predictor = Predictor(random_workload(Random(7)))
    predictions = sweep(predictor, POINTS, dask=cluster.scheduler_address)
    first = next(predictions)
    victim = cluster.workers[0]
    victim.auto_restart = False
    os.kill(victim.pid, signal.SIGKILL)
    assert [first, *predictions] == locally(predictor)


def test_what_fails_in_a_worker_fails_here(cluster: "LocalCluster") -> None:
    predictor = Predictor(random_workload(Random(7)))
    unfit = SweepPoint(settings=PoolSettings(60, 16), retention=[])
    with pytest.raises(ValueError, match="retention settings"):
        list(sweep(predictor, [unfit], dask=cluster.scheduler_address))


@pytest.mark.parametrize("address", ["nowhere://here:1", "nowhere", "tcp://here", ""])
def test_an_address_that_is_none_is_told_at_once(address: str) -> None:
    pytest.importorskip("distributed", reason="Dask is missing: pip install 'charter-kv[dask]'")
    with pytest.raises(UsageError, match="not an address"):
        list(on_cluster(address, pow, 2, [3]))


def test_a_worker_of_another_version_is_told(cluster: "LocalCluster") -> None:
    from distributed import Client

    own = charter_engine.__version__
    with Client(cluster.scheduler_address, set_as_default=False) as client:
        client.run(setattr, charter_engine, "__version__", "0.0.9")
        try:
            with pytest.raises(CharterError, match=r"has Charter 0\.0\.9, and this is"):
                list(on_cluster(cluster.scheduler_address, pow, 2, [3]))
        finally:
            client.run(setattr, charter_engine, "__version__", own)


def test_a_cluster_whose_last_worker_died_is_told(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is missing: pip install 'charter-kv[dask]'")
    with scheduler(tmp_path) as address, worker(address) as victim:
        asked = on_cluster(address, _slowly, 2, range(100))
        assert next(asked) == 2
        victim.kill()
        with pytest.raises(CharterError, match="went away") as told:
            list(asked)
    assert told.value.kind == "unreachable"


def _slowly(held: int, item: int) -> int:
    time.sleep(0.2 if item else 0)
    return held


def test_dask_and_processes_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "any.jsonl", "--dask", "tcp://here:8786", "--jobs", "2"]) == 2
    assert "--jobs" in capsys.readouterr().err
