"""What was measured second by second, as strips."""

import pytest
from msgspec.structs import replace

from charter_engine.contracts.gauges import Gauge, Past, Ticked
from charter_engine.contracts.series import Tick
from charter_tui.present.braille import braille, braille_rows
from charter_tui.present.curves import GPU_BUSY, GPU_MEMORY, POOL_USED
from charter_tui.present.spans import line_width, text_of
from charter_tui.present.strips import strip_lines
from charter_tui.state import KEPT_TICKS, Snapshot, apply_gauges, behind
from tests.tui.scene import TICKS


def test_two_seconds_stand_in_a_cell_the_higher_the_more_dots() -> None:
    assert braille([0.0, 1.0], 1.0) == "⢸"
    assert braille([1.0, 0.0], 1.0) == "⡇"
    assert braille([0.25, 0.5, 0.75, 1.0], 1.0) == "⣠⣾"


def test_little_is_told_apart_from_nothing() -> None:
    assert braille([0.001, 0.0, None, 0.001], 1.0) == "⡀⢀"
    assert braille([0.0, 0.0], 0.0) == "⠀"


def test_higher_rows_tell_more_apart_and_a_peak_stands_over_them() -> None:
    assert braille_rows([0.25, 1.0], 1.0, 2) == ["⢸", "⣼"]
    assert braille_rows([0.5, 0.25], 1.0, 2, peaks=[1.0, 0.25]) == ["⠁", "⣧"]


@pytest.mark.parametrize("width", [40, 79, 120])
def test_strips_keep_to_the_width_and_end_with_the_latest_figures(width: int) -> None:
    lines = strip_lines(Snapshot(ticks=TICKS), width)
    assert [text_of(made).split()[0] for made in lines] == ["Computed", "Hit", "TTFT", "KV"]
    assert all(line_width(made) <= width for made in lines)
    assert "=380/s" in text_of(lines[0])
    assert "=59.0 %" in text_of(lines[3])


def test_a_strip_of_several_rows_has_its_figure_beside_the_first() -> None:
    lines = [text_of(made) for made in strip_lines(Snapshot(ticks=TICKS), 80, rows=3)]
    assert len(lines) == 4 * 3
    assert lines[0].startswith("Computed    =380/s ")
    assert lines[1].startswith(" " * 19)
    assert lines[3].startswith("Hit rate")


def test_how_busy_the_gpus_were_is_a_strip_of_its_own() -> None:
    busy = tuple(replace(tick, gpu_utilization=0.87) for tick in TICKS)
    (strip,) = strip_lines(Snapshot(ticks=busy), 80, (GPU_BUSY,))
    assert text_of(strip).startswith("GPU busy   =87.0 %")


def test_figures_stand_below_each_other_however_long_their_labels_are_and_none_is_a_dash() -> None:
    busy = tuple(replace(tick, gpu_utilization=0.87, gpu_memory_used=None) for tick in TICKS)
    strips = strip_lines(Snapshot(ticks=busy), 80, (GPU_BUSY, GPU_MEMORY))
    assert [text_of(strip)[:20] for strip in strips] == [
        "GPU busy     =87.0 %",
        "GPU memory         –",
    ]


def test_before_the_first_second_there_is_no_strip() -> None:
    assert strip_lines(Snapshot(), 80) == ()


def test_seconds_are_added_as_they_are_told_and_bounded() -> None:
    snapshot = Snapshot()
    for number in range(KEPT_TICKS + 5):
        tick = replace(TICKS[0], at=float(number))
        snapshot = apply_gauges(snapshot, (Gauge(at=float(number), payload=Ticked(tick)),))
    assert len(snapshot.ticks) == KEPT_TICKS
    assert snapshot.ticks[-1].at == KEPT_TICKS + 4


def test_what_an_engine_remembers_comes_before_what_was_seen_once() -> None:
    snapshot = behind(Snapshot(ticks=TICKS[30:]), TICKS[:40])
    assert snapshot.ticks == TICKS


def test_a_replay_set_to_a_moment_shows_the_seconds_before_it_alone() -> None:
    past = Gauge(at=1.0, payload=Past(sequence=0, ticks=TICKS[:5]), epoch=1)
    assert apply_gauges(Snapshot(ticks=TICKS), (past,)).ticks == TICKS[:5]


def test_beside_plots_the_newest_second_stands_at_the_right_end() -> None:
    shown = Snapshot(ticks=(Tick(at=1.0, pool_used=1.0), Tick(at=2.0, pool_used=1.0)))
    (left,) = strip_lines(shown, 40, (POOL_USED,))
    (right,) = strip_lines(shown, 40, (POOL_USED,), ends_right=True)
    assert text_of(left).endswith("% \N{BRAILLE PATTERN DOTS-12345678}")
    assert text_of(right).endswith("\N{BRAILLE PATTERN BLANK}\N{BRAILLE PATTERN DOTS-12345678}")
    assert line_width(right) == 40
