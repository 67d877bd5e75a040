"""What was measured over time, as curves with marks."""

import time

import pytest

from charter_engine.contracts.gauges import Marker
from charter_engine.contracts.series import Tick, ValueRange
from charter_tui.present.curves import FIGURE_WIDTH
from charter_tui.present.series import (
    LABEL_WIDTH,
    NOTHING_MEASURED,
    STRETCHES,
    MeasuredStretch,
    columns,
    stretch_lines,
)
from charter_tui.present.spans import line_width, text_of
from charter_tui.present.words import EmptyState

BEGIN = 1_800_000_000.0
MARGIN = LABEL_WIDTH + FIGURE_WIDTH
MARKS = (
    Marker(BEGIN + 300, "push", "revision 3 is live"),
    Marker(BEGIN + 450, "note", "the load test begins", node="A.plan"),
)


def tick(at: float, **figures: object) -> Tick:
    told = {"requests": 1, "prompt_tokens": 100, "computed_tokens": 40, "ttft_ms": 200.0}
    return Tick(at=BEGIN + at, **{**told, "pool_used": 0.5, **figures})  # type: ignore[arg-type]


def shown(*ticks: Tick, marks: tuple[Marker, ...] = MARKS) -> MeasuredStretch:
    return MeasuredStretch(BEGIN, BEGIN + 600, ticks, marks)


def lines(stretch: MeasuredStretch, width: int = 80, height: int = 24) -> list[str]:
    made = stretch_lines(stretch, STRETCHES[0][1], width, height, time.gmtime)
    return [text_of(one) for one in made]


@pytest.mark.parametrize(("width", "height"), [(40, 10), (80, 20), (200, 50)])
def test_it_keeps_to_the_screen(width: int, height: int) -> None:
    whole = shown(*(tick(float(at)) for at in range(1, 601)))
    made = stretch_lines(whole, "10 minutes", width, height, time.gmtime)
    assert len(made) <= height
    curves = [one for one in made if any("⠀" <= char <= "⣿" for char in text_of(one))]
    assert all(line_width(one) <= width for one in curves)


def test_each_figure_that_is_known_has_a_curve_its_top_and_its_mean() -> None:
    text = "\n".join(lines(shown(*(tick(float(at)) for at in range(1, 601)))))
    for label in ("Computed", "Hit rate", "TTFT", "KV used"):
        assert label in text
    assert "GPU busy" not in text
    assert "=60.0 %" in text
    assert "=200 ms" in text


def test_a_column_in_which_nobody_measured_is_empty() -> None:
    made = lines(shown(*(tick(float(at)) for at in range(1, 601) if not 200 < at <= 400)))
    curve = next(one for one in made if one.startswith("  mean"))[MARGIN:]
    third = len(curve) // 3
    assert set(curve[third + 1 : 2 * third - 1]) == {"⠀"}
    assert "⠀" not in curve[: third - 1]


def test_a_peak_of_one_second_stands_over_the_mean_of_its_column() -> None:
    calm = [tick(float(at), pool_used=0.25) for at in range(10, 601, 10)]
    peak = tick(300.0, seconds=10.0, pool_used=0.25, ranges={"pool_used": ValueRange(0.0, 1.0)})
    without = lines(shown(*calm))
    with_peak = lines(shown(*(peak if one.at == peak.at else one for one in calm)))
    top = next(number for number, one in enumerate(without) if one.startswith("KV used"))
    assert set(without[top][MARGIN:]) == {"⠀"}
    assert set(with_peak[top][MARGIN:]) != {"⠀"}


def test_marks_stand_on_the_axis_and_below_in_words_the_newest_first() -> None:
    made = lines(shown(*(tick(float(at)) for at in range(1, 601))))
    axis = next(one for one in made if "─" in one)
    assert axis.index("◆") < axis.index("◇")
    words = [one for one in made if "note" in one or "push" in one]
    assert "A.plan: the load test begins" in words[0]
    assert "revision 3 is live" in words[1]


def test_where_nothing_was_measured_that_is_said_beside_what_is_marked() -> None:
    made = "\n".join(lines(shown()))
    assert NOTHING_MEASURED.text in made
    assert "revision 3 is live" in made
    refused = MeasuredStretch(empty=EmptyState("The database is locked.", refused=True))
    assert "The database is locked." in "\n".join(lines(refused))


def test_two_ticks_are_shown_in_a_cell() -> None:
    assert columns(MARGIN + 100) == 2 * 100


def test_a_figure_that_never_leaves_nought_takes_one_line() -> None:
    made = lines(shown(*(tick(float(at), waiting=0.0) for at in range(1, 601))), height=50)
    at = next(number for number, one in enumerate(made) if one.startswith("Waiting"))
    assert "=0.0" in made[at]
    assert "─" in made[at + 1]


def test_where_there_is_room_an_empty_line_stands_between_two_curves() -> None:
    ticks = [tick(float(at)) for at in range(1, 601)]
    high, low = lines(shown(*ticks), height=60), lines(shown(*ticks), height=16)
    at = next(number for number, one in enumerate(high) if one.startswith("Hit rate"))
    assert high[at - 1] == ""
    assert "" not in low


def test_a_narrow_axis_tells_times_or_days_alone_and_both_whole() -> None:
    ticks = tuple(tick(float(at)) for at in range(1, 601))
    short = lines(shown(*ticks), width=58)
    assert ["08:00:00", "08:10:00"] in [one.split() for one in short]
    long = MeasuredStretch(BEGIN, BEGIN + 7 * 86_400, ticks)
    assert ["2027-01-15", "2027-01-22"] in [one.split() for one in lines(long, width=50)]
