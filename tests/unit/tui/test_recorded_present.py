"""Two recordings side by side, in strips and figures."""

from time import gmtime

import pytest

from charter_tui.present.recorded import recorded_lines, resampled, strips_on_one_axis
from charter_tui.present.spans import line_width, text_of
from tests.tui.recorded_scene import COMPARED, stretch
from tests.tui.scene import START

HALF_BEFORE, HALF_AFTER = COMPARED.before, COMPARED.after


def said(width: int = 120) -> list[str]:
    return [text_of(line).rstrip() for line in recorded_lines(COMPARED, width, gmtime)]


def test_both_sides_are_named_with_when_how_long_and_how_much() -> None:
    assert said()[0] == "A monday.charter  from 2026-09-21 14:13:20, =1:00, 30 requests  ✗ 1 failed"
    assert said()[1].startswith("B tuesday.charter  from 2026-09-22 14:13:20, =0:40, 20 requests")


def test_the_verdict_and_what_makes_them_hard_to_compare_come_first() -> None:
    assert said()[3] == "= B against A: computes 83 % less, first token 62 % sooner: worth it"
    assert "fewer than 30 requests: no intervals" in said()


def test_figures_stand_beside_each_other_with_their_change_and_its_interval() -> None:
    rows = [line.split() for line in said()]
    assert "computed tokens all =900 =150 −83 % −790 to −700".split() in rows
    assert "hit rate all =10.0 % =85.0 % +75.0 pt +70.0 pt to +79.0 pt".split() in rows
    assert "TTFT all =240 ms =90 ms −62 % –".split() in rows
    assert "computed tokens entities =900 =150 −83 % –".split() in rows
    assert not [row for row in rows if row[:1] == ["whole"]]


def test_a_shorter_recording_takes_its_share_of_the_axis() -> None:
    before, after = strips_on_one_axis(HALF_BEFORE, HALF_AFTER, 73)[:2]
    drawn = [text_of(line)[13:].rstrip("\N{BRAILLE PATTERN BLANK}") for line in (before, after)]
    assert len(drawn[0]) == 59
    assert len(drawn[1]) == 39


def test_the_axis_ends_with_the_longer_one() -> None:
    *_, scale = strips_on_one_axis(HALF_BEFORE, HALF_AFTER, 73)
    assert text_of(scale).split() == ["0:00", "1:00"]


def test_a_part_of_the_time_is_the_mean_of_its_seconds_and_a_gap_stays_one() -> None:
    side = stretch("a", START, 40, 100, 50.0)
    values = resampled(side, lambda tick: tick.pool_used, 40.0, 20)
    assert [at for at, value in enumerate(values) if value is None] == [10, 11]
    assert values[1] == pytest.approx(0.2 + 3.5 / 200)


def test_a_second_fills_the_time_it_took() -> None:
    side = stretch("a", START, 10, 100, 50.0)
    values = resampled(side, lambda tick: tick.ttft_ms, 10.0, 40)
    assert values[:12] == [50.0] * 4 + [None] * 4 + [50.0] * 4


def test_nothing_measured_draws_no_strips() -> None:
    empty = stretch("a", START, 0, 0, 0.0)
    assert strips_on_one_axis(empty, empty, 100) == ()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_strips_keep_to_the_width(width: int) -> None:
    assert {line_width(line) for line in strips_on_one_axis(HALF_BEFORE, HALF_AFTER, width)} == {
        width
    }
