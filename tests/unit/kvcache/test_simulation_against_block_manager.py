"""The simulation in runs of blocks is the block manager, to the last counter.

All that is predicted by machine code stands in this file: making it takes seconds in each process.
"""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charter_engine.kvcache.predict.predictor import Predictor
from charter_engine.kvcache.predict.simulation import simulate
from charter_engine.kvcache.workload.path_tree import build_paths
from tests.unit.kvcache.workloads import (
    as_lists,
    by_block_manager,
    random_releases,
    random_retention,
    random_settings,
    random_workload,
)

pytestmark = pytest.mark.slow


def _check(rng: Random, *, compiled: bool) -> None:
    workload = random_workload(rng)
    pool = random_settings(rng, workload)
    retention = random_retention(rng, workload)
    paths = build_paths(workload)
    releases = random_releases(rng, paths)
    exact = by_block_manager(workload, pool, retention, releases)
    found = simulate(
        paths,
        workload.arrival_ms,
        workload.input_length,
        pool,
        retention,
        releases,
        compiled=compiled,
    )
    assert as_lists(found) == as_lists(exact)


@given(st.randoms(use_true_random=True))
@settings(max_examples=400, deadline=None)
def test_every_request_and_counter_agrees(rng: Random) -> None:
    _check(rng, compiled=False)


def test_machine_code_does_what_the_python_it_is_made_of_does() -> None:
    for seed in range(300):
        _check(Random(seed), compiled=True)


def test_machine_code_and_python_predict_the_same() -> None:
    rng = Random(0)
    workload = random_workload(rng)
    pool = random_settings(rng, workload)
    one, other = (
        Predictor(workload, compiled=compiled).predict(pool) for compiled in (False, True)
    )
    assert one.requests > 0
    assert one == other
