"""The trees that score requests: one at a time in a deployment, many at once in learning."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from charter_engine.bls.forest import Division, Forest
from charter_engine.plan.retention.trees import fit

VALUES = st.one_of(st.just(float("nan")), st.floats(-2, 3), st.sampled_from((0.0, 0.25, 0.5, 1.0)))
ROWS = st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=20)


def grown() -> Forest:
    random = np.random.default_rng(5)
    features = random.choice((0.0, 0.25, 0.5, 0.75, 1.0, np.nan), (600, 3))
    return fit(features, np.nan_to_num(features[:, 0] * features[:, 1], nan=0.3), trees=20)


FOREST = grown()


@given(ROWS)
def test_many_at_once_score_as_each_by_itself_to_the_last_bit(
    rows: list[tuple[float, float, float]],
) -> None:
    assert FOREST.scores(np.array(rows)).tolist() == [FOREST.score(row) for row in rows]


@given(st.lists(st.tuples(st.sampled_from((0, 1)), VALUES, VALUES, VALUES), min_size=1))
def test_a_second_score_divides_many_at_once_as_each_by_itself(
    requests: list[tuple[int, float, float, float]],
) -> None:
    division = Division(FOREST, ((0.1, 0.2), (0.2, 0.5)))
    groups = np.array([group for group, *_ in requests])
    scores = FOREST.scores(np.array([row for _, *row in requests]))
    found = division.levels(groups, scores).tolist()
    assert found == [division.level(group, row) for group, *row in requests]
    assert all(level // 3 == group for level, group in zip(found, groups.tolist(), strict=True))


def test_a_forest_without_trees_says_the_same_of_every_request() -> None:
    forest = Forest(cuts=((), ()), start=0.5)
    assert forest.score((1.0, float("nan"))) == 0.5
    assert forest.scores(np.zeros((3, 2))).tolist() == [0.5] * 3
