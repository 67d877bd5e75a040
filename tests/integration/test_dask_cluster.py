"""Sweeps on a Dask cluster: a scheduler and two workers, in processes of their own."""

import os
import signal
from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING

import pytest

from charter_engine.api.sweep import SweepPoint, sweep
from charter_engine.cli import main
from charter_engine.contracts.prediction import Prediction
from charter_engine.errors import CharterError
from charter_engine.kvcache import PoolSettings
from charter_engine.kvcache.predict.predictor import Predictor
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


def test_an_address_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("distributed", reason="Dask is missing: pip install 'charter-kv[dask]'")
    predictor = Predictor(random_workload(Random(7)))
    with pytest.raises(CharterError, match="nowhere"):
        list(sweep(predictor, POINTS, dask="nowhere://here:1"))


def test_dask_and_processes_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "any.jsonl", "--dask", "tcp://here:8786", "--jobs", "2"]) == 2
    assert "--jobs" in capsys.readouterr().err
