"""Whether requests went worse after a push: each measured against its own node."""

import random
from collections.abc import Iterator

import pytest

from charter_engine.contracts.deploy import WatchedQuality
from charter_engine.contracts.traffic import TrafficRecord
from charter_engine.traffic.regression import FAILURES, SHARE_OF_ERRORS, RequestComparison, compare

TTFT_OF = {"short": 20.0, "long": 400.0}


def passed(
    count: int,
    seed: int,
    *,
    nodes: tuple[str, ...] = ("short", "long"),
    slower: float = 1.0,
    failing: float = 0.0,
) -> list[TrafficRecord]:
    """Requests whose times scatter by a third around those of their node."""
    chance = random.Random(seed)

    def records() -> Iterator[TrafficRecord]:
        for number in range(count):
            node = nodes[number % len(nodes)]
            ttft = TTFT_OF.get(node, 1000.0) * slower * chance.lognormvariate(0, 0.33)
            yield TrafficRecord(
                at=float(number),
                node=node,
                prompt_tokens=1000,
                reused_tokens=600,
                ttft_ms=ttft,
                total_ms=ttft + 500,
                error="broken" if chance.random() < failing else "",
            )

    return list(records())


def quality(found: RequestComparison, name: str) -> WatchedQuality:
    return next(item for item in found.qualities if item.name == name)


def test_a_push_that_changes_nothing_is_worse_in_nothing() -> None:
    found = compare(passed(400, 1), passed(400, 2), margin=0.05)
    assert found.is_possible and found.worse == ()
    assert quality(found, "computed tokens").change == pytest.approx(0.0)


def test_a_slower_first_token_is_found_and_how_much_it_is_at_least() -> None:
    found = compare(passed(600, 1), passed(600, 2, slower=1.5), margin=0.05)
    (worse,) = [item for item in found.worse if item.name == "first token"]
    assert worse.change == pytest.approx(0.5, abs=0.1)
    assert worse.at_least is not None and 0.05 < worse.at_least < 0.5


def test_what_stays_within_the_margin_is_no_regression() -> None:
    assert compare(passed(600, 1), passed(600, 2, slower=1.5), margin=0.8).worse == ()


def test_another_mix_of_nodes_is_no_regression() -> None:
    before = passed(600, 1, nodes=("short", "short", "short", "long"))
    after = passed(600, 2, nodes=("short", "long", "long", "long"))
    assert compare(before, after, margin=0.05).worse == ()


def test_requests_that_fail_are_found() -> None:
    found = compare(passed(200, 1), passed(200, 2, failing=0.5), margin=0.05)
    assert FAILURES in [item.name for item in found.worse]


def test_requests_of_nodes_that_were_not_there_before_are_left_out() -> None:
    found = compare(passed(100, 1), passed(100, 2, nodes=("short", "fresh")), margin=0.05)
    assert (found.left_out, found.worse) == (50, ())


@pytest.mark.parametrize(("before", "after"), [(10, 500), (500, 10), (0, 500)])
def test_too_few_requests_tell_nothing(before: int, after: int) -> None:
    found = compare(passed(before, 1), passed(after, 2, slower=9.0), margin=0.05)
    assert not found.is_possible
    assert [item.name for item in found.worse] == []


def test_asked_after_every_few_requests_it_cries_wolf_less_often_than_it_says() -> None:
    """Of 200 pushes that change nothing, each looked at 20 times."""
    before = [passed(200, seed) for seed in range(200)]
    after = [passed(200, 1000 + seed) for seed in range(200)]
    alarms = sum(
        any(compare(old, new[:size], margin=0.0).worse for size in range(30, 200, 20))
        for old, new in zip(before, after, strict=True)
    )
    assert alarms <= 200 * SHARE_OF_ERRORS * 4
