"""What the work screen says of canned work and results."""

import re

import pytest
from msgspec.structs import replace

from charter_engine.contracts.gauges import Work, WorkKind
from charter_tui.present.answers import answers_lines, answers_standing
from charter_tui.present.results import bench_lines, learn_lines, result_lines, sweep_lines
from charter_tui.present.spans import Line, Span, line_width, text_of
from charter_tui.present.tables import Column, table_lines
from charter_tui.present.work import NAMES, planning_lines, progress_lines, work_rows
from charter_tui.state import Snapshot
from tests.tui.work_scene import ALL, COMPARED, FAILED, IN_PROGRESS, LEARNT, MEASURED, SWEPT, done

UNMARKED = re.compile(r"(?<![=~?+\-−.,\d\w])\d[\d,.]* (?:%|ms|s|MiB|pt)\b")
"""A figure with a unit and no mark before it."""
AFTER_TO = re.compile(r" to \d[\d.]* %")
"""The upper end of a span of figures, whose mark stands before the lower."""


def text(lines: tuple[Line, ...]) -> str:
    return "\n".join(text_of(item) for item in lines)


@pytest.mark.parametrize("kind", NAMES)
def test_every_figure_of_a_result_carries_its_mark(kind: WorkKind) -> None:
    shown = AFTER_TO.sub("", text(result_lines(ALL, kind, 200)))
    assert not UNMARKED.findall(shown)


@pytest.mark.parametrize("kind", NAMES)
def test_where_nothing_was_found_the_next_step_is_said(kind: WorkKind) -> None:
    assert "enter opens its form" in text(result_lines(None, kind, 80))


def test_a_table_leaves_out_whole_columns_that_do_not_fit() -> None:
    columns = (Column("a", "A", 0, "left"), Column("b", "LONG", 0), Column("c", "C", 0))
    rows = [(Span("one"), Span("2"), Span("3"))]
    assert text(table_lines(columns, rows, 80)) == "A    LONG  C\none     2  3"
    assert text(table_lines(columns, rows, 11)) == "A    LONG\none     2"
    assert all(line_width(item) <= 4 for item in table_lines(columns, rows, 4))


def test_a_table_without_rows_is_its_heading() -> None:
    assert text(table_lines((Column("a", "A", 0, "left"),), (), 80)) == "A"


def test_the_fastest_setting_is_marked() -> None:
    marked = [item for item in sweep_lines(SWEPT, 200) if "▸" in text_of(item)]
    assert len(marked) == 1
    assert "?1:00" in text_of(marked[0])


def test_settings_that_do_not_vary_are_left_out() -> None:
    one = replace(SWEPT.report, predictions=SWEPT.report.predictions[:1])
    assert "gpu_blocks" not in text(sweep_lines(replace(SWEPT, report=one), 200))


def test_what_explains_too_little_is_said_to_decide_nothing() -> None:
    poor = replace(LEARNT, report=replace(LEARNT.report, usable=False), reuse_times_written=None)
    shown = text(learn_lines(poor, 200))
    assert "plans stay with the default" in shown
    assert "Not kept" in shown


def test_a_benchmark_cut_short_says_so() -> None:
    assert "these are the figures so far" in text(
        bench_lines(replace(MEASURED, complete=False), 80)
    )
    assert "so far" not in text(bench_lines(MEASURED, 80))


def test_the_time_so_far_is_told() -> None:
    assert "=1:23" in text(progress_lines(Snapshot(work=IN_PROGRESS), 80))


def test_the_time_left_is_told_where_it_is_known() -> None:
    assert "left" not in text(progress_lines(Snapshot(work=IN_PROGRESS), 80))
    timed = replace(IN_PROGRESS, left_ms=61_000.0)
    assert "about ~1:01 left" in text(progress_lines(Snapshot(work=timed), 80))


def test_beside_the_draft_stands_how_far_its_plan_is() -> None:
    planning = replace(IN_PROGRESS, kind="plan")
    shown = text(planning_lines(Snapshot(work=planning), 80, asked=True))
    assert "7 of 24" in shown
    assert "c cancels" in shown


def test_beside_the_draft_other_work_is_not_told() -> None:
    assert planning_lines(Snapshot(work=IN_PROGRESS), 80, asked=False) == ()


def test_work_that_is_stopping_offers_no_cancelling() -> None:
    stopping = replace(IN_PROGRESS, state="stopping")
    shown = text(progress_lines(Snapshot(work=stopping), 80))
    assert "stopping" in shown
    assert "cancels" not in shown


def test_work_that_failed_gives_reason_and_remedy() -> None:
    shown = text(progress_lines(Snapshot(work=FAILED), 120))
    assert FAILED.error in shown
    assert FAILED.remedy in shown


def test_each_kind_says_how_its_last_went() -> None:
    rows = {row.key: text_of(row.cells[1]) for row in work_rows(Snapshot(work=FAILED, results=ALL))}
    assert rows["learn"] == "✗ failed =0:00"
    assert rows["plan"] == "● done"
    untouched = {row.key: text_of(row.cells[1]) for row in work_rows(Snapshot(work=Work()))}
    assert set(untouched.values()) == {"·"}
    assert text_of(work_rows(Snapshot(work=done("bench")))[4].cells[1]) == "● done =0:04"


def test_answers_that_differ_stand_side_by_side_from_where_they_part() -> None:
    told = text(answers_lines(COMPARED, 160))
    row = next(each for each in told.splitlines() if "closure" in each)
    assert row.index("closure") < row.index("│") < row.index("the north quay is closed")
    assert "=2 → 3" in told and "the plan changes 1 of 9 answers" in told


def test_before_a_push_the_last_comparison_of_answers_is_told() -> None:
    assert answers_standing(Snapshot()).state.text == "○ not compared"
    standing = answers_standing(Snapshot(results=ALL))
    assert (standing.state.text, standing.state.tone) == ("▲ some differ", "warning")
    same = replace(COMPARED, pairs=())
    assert answers_standing(Snapshot(results=replace(ALL, answers=same))).state.tone == "good"
