"""How long sessions are likely to pause, and what their prompts are worth then by age."""

import numpy as np
import pytest
from numpy.typing import NDArray

from charter_engine.bls.features import FEATURES
from charter_engine.bls.forest import Forest
from charter_engine.bls.pauses import Pauses
from charter_engine.plan.retention.pauses import learn_pauses

NOBODY = Forest(((),) * len(FEATURES), 0.0)


def pauses(*bounds_s: float, horizon_s: float = 0.0) -> Pauses:
    return Pauses(bounds_s, horizon_s, (0.0,) * (len(bounds_s) + 1), (), NOBODY)


def worths(told: Pauses, shares: tuple[float, ...], *ages_s: float) -> list[float]:
    found: list[float] = told.worths(np.array(shares), np.array(ages_s)).tolist()
    return found


def learnt() -> tuple[Pauses, NDArray[np.float64]]:
    """From requests half of which are followed within 10 s, where their first feature says so."""
    random = np.random.default_rng(2)
    features = random.random((2_000, len(FEATURES)))
    features[::7, 3] = np.nan
    soon = features[:, 0] < 0.5
    found = learn_pauses(features, np.where(soon, random.uniform(0, 10, 2_000), np.inf), 5.0)
    assert found is not None
    return found, features


def test_what_is_due_evenly_is_worth_its_return_for_the_mean_time_that_it_is_held() -> None:
    assert worths(pauses(10.0), (1.0, 0.0), 0.0, 5.0) == pytest.approx([1 / 5, 1 / 2.5])


def test_what_will_be_idle_only_later_is_held_for_as_long_besides() -> None:
    assert worths(pauses(10.0), (1.0, 0.0), -5.0) == pytest.approx([1 / 10])


def test_memory_is_given_back_where_what_is_left_is_not_worth_waiting_for() -> None:
    shares = (0.5, 0.0, 0.5, 0.0)
    early, late = worths(pauses(1.0, 100.0, 101.0), shares, 0.0, 1.0)
    assert early == pytest.approx(0.5 / 0.75)
    assert late == pytest.approx(1 / 99.5)


def test_memory_is_given_for_the_horizon_at_least() -> None:
    shares = (0.5, 0.0, 0.5, 0.0)
    told = pauses(1.0, 100.0, 101.0, horizon_s=100.5)
    assert worths(told, shares, 0.0) == pytest.approx([1.0 / (0.75 + 49.5 + 0.25)])


def test_after_the_longest_pause_nothing_is_worth_anything() -> None:
    assert worths(pauses(1.0, 10.0), (0.5, 0.4, 0.1), 10.0, 99.0) == [0.0, 0.0]


def test_one_request_is_told_the_same_as_many_at_once() -> None:
    told, features = learnt()
    each = [told.shares(row).tolist() for row in features[:40].tolist()]
    assert told.shares_of_each(features[:40]).tolist() == each


def test_what_comes_back_is_told_from_what_does_not() -> None:
    told, features = learnt()
    never = told.shares_of_each(features)[:, -1]
    soon = features[:, 0] < 0.5
    assert never[soon].mean() < 0.1 < 0.9 < never[~soon].mean()


def test_the_same_requests_teach_the_same() -> None:
    assert learnt()[0] == learnt()[0]


def test_where_nobody_comes_back_nothing_is_told() -> None:
    assert learn_pauses(np.zeros((50, len(FEATURES))), np.full(50, np.inf), 5.0) is None
