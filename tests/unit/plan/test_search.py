"""The choice among predicted points."""

from hypothesis import given
from hypothesis import strategies as st

from charter_engine.contracts.planning import Evaluation, Levers, PlanPoint
from charter_engine.plan.search import (
    alternatives,
    choose,
    pareto,
    points,
    put_back,
)

AS_IT_IS = PlanPoint("source", 32, 0, "default")


def evaluation(
    point: PlanPoint, rate: float, ttft: float, memory: int = 100, makespan: float = 1.0
) -> Evaluation:
    return Evaluation(
        point=point,
        computed_tokens=100,
        token_hit_rate=rate,
        block_hit_rate=rate,
        bound=1.0,
        ttft_ms=ttft,
        makespan_ms=makespan,
        memory_bytes=memory,
        times_label="assumed",
    )


def test_a_lever_switched_off_stays_as_deployed() -> None:
    levers = Levers(layout=False, retention=False, host_tier=False)
    found = points(
        ["source", "x"],
        block_size=32,
        host_tokens=[0, 256],
        policies=["default", "static"],
        levers=levers,
    )
    assert {(point.layout, point.host_blocks, point.policy) for point in found} == {
        ("source", 0, "default")
    }


def test_the_deployed_block_size_is_among_the_points_even_if_unusual() -> None:
    found = points(
        ["source"], block_size=256, host_tokens=[0], policies=["default"], levers=Levers()
    )
    assert 256 in {point.tokens_per_block for point in found}


def test_ttft_picks_the_fastest_first_token() -> None:
    fast = evaluation(PlanPoint("x", 16, 0, "default"), 0.7, 50.0)
    assert choose([evaluation(AS_IT_IS, 0.1, 100.0), fast], "ttft", AS_IT_IS) is fast


def test_within_noise_the_point_that_changes_least_wins() -> None:
    simple = evaluation(PlanPoint("x", 32, 0, "default"), 0.70, 50.1)
    best = evaluation(PlanPoint("x", 8, 4, "static"), 0.71, 50.0)
    assert choose([best, simple], "ttft", AS_IT_IS) is simple


def test_a_layout_that_reuses_far_more_wins_where_the_objective_hardly_sees_it() -> None:
    as_written = evaluation(AS_IT_IS, 0.28, 5.0, makespan=1000.0)
    laid_out = evaluation(PlanPoint("x", 32, 0, "default"), 0.75, 2.0, makespan=998.0)
    assert choose([as_written, laid_out], "throughput", AS_IT_IS) is laid_out


def test_memory_gives_up_at_most_a_point_of_hit_rate() -> None:
    hungry = evaluation(PlanPoint("x", 8, 0, "default"), 0.70, 50.0, memory=1000)
    lean = evaluation(PlanPoint("x", 32, 0, "default"), 0.695, 60.0, memory=500)
    poor = evaluation(PlanPoint("x", 128, 0, "default"), 0.40, 60.0, memory=10)
    assert choose([hungry, lean, poor], "memory", AS_IT_IS) is lean


def test_the_pareto_front_leaves_out_what_another_point_beats() -> None:
    good = evaluation(PlanPoint("x", 16, 0, "default"), 0.7, 50.0)
    lean = evaluation(PlanPoint("x", 64, 0, "default"), 0.6, 55.0, memory=50)
    beaten = evaluation(AS_IT_IS, 0.5, 60.0, memory=200)
    assert pareto([beaten, lean, good]) == (good, lean)


evaluations = st.lists(
    st.builds(
        evaluation,
        st.builds(
            PlanPoint,
            st.just("x"),
            st.sampled_from([8, 16, 32]),
            st.integers(0, 2),
            st.just("default"),
        ),
        st.integers(0, 4).map(lambda tenths: tenths / 10),
        st.integers(1, 4).map(float),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=12,
)


@given(evaluations, st.data())
def test_alternatives_are_the_front_with_the_chosen_point_and_no_row_twice(
    found: list[Evaluation], data: st.DataObject
) -> None:
    chosen = data.draw(st.sampled_from(found))
    rows = alternatives(found, chosen, AS_IT_IS)
    figures = [(row.token_hit_rate, row.ttft_ms, row.memory_bytes) for row in rows]
    assert sum(row.chosen for row in rows) == 1
    assert len(set(figures)) == len(figures)
    assert set(figures) == {
        (item.token_hit_rate, item.ttft_ms, item.memory_bytes) for item in (*pareto(found), chosen)
    }


@given(evaluations)
def test_a_lever_put_back_keeps_the_host_tier_as_large(found: list[Evaluation]) -> None:
    for item in found:
        back = put_back(item.point, AS_IT_IS)
        if "block_size" in back:
            tokens = item.point.host_blocks * item.point.tokens_per_block
            assert abs(back["block_size"].host_blocks * 32 - tokens) <= 16


def test_a_host_tier_holds_as_many_tokens_whatever_the_block_size() -> None:
    found = points(
        ["source"], block_size=32, host_tokens=[0, 1024], policies=["default"], levers=Levers()
    )
    assert {point.host_blocks * point.tokens_per_block for point in found} == {0, 1024}


def test_a_lever_put_back_is_as_deployed() -> None:
    as_it_is = PlanPoint("source", 32, 64, "default")
    back = put_back(PlanPoint("x", 16, 0, "static"), as_it_is)
    assert back["host_tier"].host_blocks == 128
    assert back["block_size"] == PlanPoint("x", 32, 0, "static")


def test_the_host_tier_there_is_counts_as_no_change_at_any_block_size() -> None:
    as_it_is = PlanPoint("source", 32, 64, "default")
    kept = evaluation(PlanPoint("source", 16, 128, "default"), 0.7, 50.0)
    dropped = evaluation(PlanPoint("source", 16, 0, "default"), 0.7, 50.0)
    assert choose([dropped, kept], "ttft", as_it_is) is kept
