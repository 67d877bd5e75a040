"""The trees that score a request."""

import msgspec
import numpy as np

from charter_engine.bls.forest import Forest
from charter_engine.plan.retention.trees import Floats, fit


def _steps(rows: int) -> tuple[Floats, Floats]:
    features = np.random.default_rng(3).uniform(0, 1, (rows, 3))
    return features, np.where(features[:, 1] > 0.5, 1.0, 0.0) * np.where(
        features[:, 2] > 0.5, 1.0, 0.5
    )


def test_they_find_a_rule_of_two_features() -> None:
    features, target = _steps(2_000)
    error = fit(features[:1_500], target[:1_500]).scores(features[1_500:]) - target[1_500:]
    assert np.mean(error**2) < 0.2 * target.var()


def test_the_same_data_grows_the_same_trees() -> None:
    assert fit(*_steps(400), trees=10) == fit(*_steps(400), trees=10)


def test_unknown_values_are_a_value_of_their_own() -> None:
    features, _ = _steps(1_000)
    features[:500, 0] = np.nan
    target = np.where(np.isnan(features[:, 0]), 1.0, 0.0)
    predicted = fit(features, target, trees=60, share_of_features=1.0).scores(features)
    assert predicted[:500].min() > predicted[500:].max()


def test_too_few_rows_give_the_mean() -> None:
    features, target = _steps(12)
    assert np.allclose(fit(features, target).scores(features), target.mean())


def test_a_forest_survives_a_file() -> None:
    features, target = _steps(400)
    forest = fit(features, target, trees=5)
    read = msgspec.json.decode(msgspec.json.encode(forest), type=Forest)
    assert np.array_equal(read.scores(features), forest.scores(features))
