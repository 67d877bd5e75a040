"""Two runs figure by figure, with intervals."""

from msgspec.structs import replace

from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.runs import RunComparison, RunDifference, RunSummary
from charter_engine.executor.comparison import FEWEST_ITEMS, compare
from charter_engine.executor.run_costs import cost_of_run


def requests(items: int, computed: int, latency: float) -> list[RequestRecord]:
    """One request an item; items differ, by as much in every run."""
    return [
        RequestRecord(
            run="r",
            node="n",
            item=number,
            started_at=float(number),
            prompt_tokens=1_000 + 10 * number,
            reused_tokens=1_000 - computed,
            output_tokens=20,
            ttft_ms=latency / 4,
            latency_ms=latency * (1 + number / 10),
        )
        for number in range(items)
    ]


def summary(number: int, sent: list[RequestRecord], **fields: object) -> RunSummary:
    made = RunSummary(
        number=number,
        run=f"r{number}",
        variant="plan",
        state="done",
        as_written=False,
        earlier=0,
        cost=cost_of_run(sent, len(sent), sum(one.latency_ms or 0.0 for one in sent)),
    )
    return replace(made, **fields)


def compared(old: list[RequestRecord], new: list[RequestRecord], **fields: object) -> RunComparison:
    return compare(summary(1, old), summary(2, new, **fields), old, new)


def found(comparison: RunComparison, figure: str) -> RunDifference:
    return next(one for one in comparison.differences if one.figure == figure)


def test_changes_are_relative_and_of_rates_in_points() -> None:
    made = compared(requests(8, 800, 400.0), requests(8, 400, 400.0))
    assert found(made, "whole_ms").change == 0
    assert found(made, "computed_tokens").change is not None
    rate = found(made, "token_hit_rate")
    assert rate.before is not None
    assert rate.after is not None
    assert rate.change == rate.after - rate.before


def test_a_change_that_every_item_shows_alike_has_an_interval_of_no_width() -> None:
    made = compared(requests(12, 800, 400.0), requests(12, 800, 600.0))
    interval = found(made, "item_ms").interval
    assert interval is not None
    assert round(interval.low, 6) == round(interval.high, 6) == 0.5


def test_a_change_that_items_show_unlike_has_an_interval_around_it() -> None:
    new = requests(12, 800, 400.0)
    new[0] = replace(new[0], latency_ms=4_000.0)
    difference = found(compared(requests(12, 800, 400.0), new), "item_ms")
    assert difference.interval is not None
    assert difference.change is not None
    assert difference.interval.low < difference.change < difference.interval.high


def test_the_same_runs_give_the_same_intervals_again() -> None:
    old, new = requests(9, 800, 400.0), requests(7, 500, 300.0)
    assert compared(old, new) == compared(old, new)


def test_few_items_have_no_interval_and_that_is_said() -> None:
    made = compared(requests(FEWEST_ITEMS - 1, 800, 400.0), requests(12, 800, 400.0))
    assert all(one.interval is None for one in made.differences)
    assert f"fewer than {FEWEST_ITEMS} items: no intervals" in made.notes


def test_what_a_request_does_not_tell_has_no_interval_and_the_rest_has() -> None:
    new = requests(8, 400, 400.0)
    new[3] = replace(new[3], reused_tokens=None)
    made = compared(requests(8, 800, 400.0), new)
    assert found(made, "computed_tokens").interval is None
    assert found(made, "ttft_ms").interval is not None


def test_what_makes_runs_hard_to_compare_is_said() -> None:
    old, new = requests(8, 800, 400.0), requests(6, 800, 400.0)
    notes = compared(old, new, fingerprint="other", earlier=2, state="cancelled").notes
    assert notes == (
        "the agent's source is not the same in both",
        "one ran over 8 items, the other over 6",
        "run 1 began on an empty cache, run 2 on what 2 runs had left in the cache",
        "run 2 cancelled: its figures are of what was done",
    )


def test_what_a_request_of_each_node_costs_is_compared_where_there_are_several() -> None:
    old, new = requests(12, 800, 400.0), requests(12, 400, 400.0)
    assert compared(old, new).nodes == ()
    beside = [replace(one, node="m") for one in requests(12, 100, 50.0)]
    made = compared([*old, *beside], [*new, *beside])
    computed = {one.node: one.difference for one in made.nodes if one.figure == "computed tokens"}
    assert computed == {"m": 0, "n": -400}
