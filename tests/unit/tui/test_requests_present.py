"""What is said of requests that passed, and of why one missed."""

import time

import pytest
from msgspec.structs import replace

from charter_engine.contracts.explaining import MissResult
from charter_engine.contracts.gauges import Run
from charter_engine.contracts.live import RunProgress
from charter_engine.contracts.notes import Note
from charter_tui.present.miss import miss_lines
from charter_tui.present.requests import (
    RequestFilter,
    cause_lines,
    causes_by_request,
    request_columns,
    request_row,
    summary_line,
    timeline_lines,
)
from charter_tui.present.spans import Line, line_width, text_of
from charter_tui.state import Snapshot
from tests.tui.scene import RUNS
from tests.tui.traffic_scene import EXPLANATION, PASSED, REPORT, RESULT


def said(lines: tuple[Line, ...]) -> str:
    return "\n".join(map(text_of, lines))


@pytest.mark.parametrize(
    ("chosen", "numbers"),
    [
        (RequestFilter(), [1, 2, 3, 4, 5, 6]),
        (RequestFilter(own=False), [1, 2, 3, 5, 6]),
        (RequestFilter(text="desk-9"), [3]),
        (RequestFilter(text="VALIDATED"), [2, 6]),
        (RequestFilter(failed=True), [5]),
        (RequestFilter(slow_ms=4_000.0), [6]),
        (RequestFilter(cause="time"), [6]),
        (RequestFilter(text="validated", slow_ms=4_000.0, cause="evicted"), []),
    ],
)
def test_requests_are_chosen_by_name_cause_time_and_failure(
    chosen: RequestFilter, numbers: list[int]
) -> None:
    causes = causes_by_request(RESULT.explanations)
    taken = [one for one in PASSED if chosen.takes(one, causes.get(str(one.sequence), ""))]
    assert [one.sequence for one in taken] == numbers


def test_why_a_request_is_unmatched_is_told_only_where_all_of_it_can_be_read() -> None:
    columns = request_columns(80)
    reason = replace(PASSED[2], unmatched="no plan with nodes is live, so nobody knows")
    cells = dict(zip(columns, request_row(reason, "", columns, time.gmtime).cells, strict=True))
    told = next(text_of(cell) for column, cell in cells.items() if column.key == "node")
    assert told == "unmatched"


def test_a_row_tells_what_was_computed_and_marks_own_runs_and_failures() -> None:
    columns = request_columns(140)
    cells = [
        dict(
            zip(
                (column.key for column in columns),
                map(text_of, request_row(one, "time stamp", columns, time.gmtime).cells),
                strict=True,
            )
        )
        for one in PASSED
    ]
    assert (cells[0]["computed"], cells[0]["whole"]) == ("=1,112", "=1.84 s")
    assert cells[0]["cause"] == "time stamp"
    assert cells[2]["node"] == "unmatched: of nobody"
    assert cells[3]["node"].startswith("▸ ")
    assert cells[4]["node"].startswith("✗ ")
    assert (cells[4]["computed"], cells[4]["cause"]) == ("–", "the prompt is too long")


def test_the_summary_says_what_is_left_out() -> None:
    chosen = RequestFilter(text="desk", slow_ms=500.0, own=False)
    text = text_of(summary_line(PASSED[:2], 6, 3, chosen))
    assert "2 requests of 6  of desk, slower than 0.5 s  computed =1,136 prompt tokens" in text
    assert "own runs hidden: i" in text
    assert "3 passed unseen" in text


def test_causes_stand_by_tokens_computed_again_with_what_mending_would_give() -> None:
    text = said(cause_lines(REPORT, 100))
    assert "time stamp  =3,470  =124,000    ~−3,300" in text
    assert text.index("time stamp") < text.index("evicted")
    assert "an hour by" not in text
    assert "working it out" in said(cause_lines(None, 100))
    assert "Nothing was computed twice" in said(cause_lines(replace(REPORT, causes=()), 100))


def test_a_time_too_short_to_tell_an_hour_by_and_what_is_assumed_are_said() -> None:
    group = replace(REPORT.causes[0], tokens_per_hour=None)
    report = replace(REPORT, causes=(group,), seconds=34.0, notes=(Note("assumed: no host tier"),))
    text = said(cause_lines(report, 100))
    assert "in 34 s, too short to tell what an hour would bring" in text
    assert "assumed: no host tier" in text


def test_a_miss_tells_parts_cause_remedy_cost_and_the_words_around_the_place() -> None:
    text = said(miss_lines(RESULT, 80))
    assert "diverged      =347  seen before, after another beginning" in text
    assert "Why  time stamp" in text
    assert "{now}  desk.py:41" in text
    assert "→ put the time behind what requests share" in text
    assert "=124k tokens an hour  10 requests like it" in text
    assert "Left an earlier prompt at token 261  request 2, of the same session" in text
    assert "It is now [−10:41:07−] {+10:42:09+} and the document is:" in text


@pytest.mark.parametrize("width", [40, 79, 160])
def test_the_bar_of_a_prompts_parts_is_as_wide_as_it_may_be(width: int) -> None:
    lines = miss_lines(RESULT, width)
    assert line_width(lines[2]) == width
    assert all(line_width(made) <= width + 2 for made in lines[-3:])


def test_without_texts_it_is_said_why_there_are_no_words() -> None:
    assert EXPLANATION.divergence is not None
    bare = replace(
        EXPLANATION.divergence, words=(), no_words="the server keeps no texts", exact=False
    )
    text = said(miss_lines(MissResult(explanations=(replace(EXPLANATION, divergence=bare),)), 80))
    assert "about at token 261" in text
    assert "the server keeps no texts" in text


def test_a_session_is_drawn_in_time_with_the_request_marked() -> None:
    session = [one for one in PASSED if one.session == "desk-7"]
    lines = timeline_lines(session, 6, time.gmtime)
    assert "Session desk-7  4 requests in =14.2 s" in text_of(lines[0])
    assert text_of(lines[-1]).startswith("▸ ")
    assert "=1,363 computed  validated" in text_of(lines[-1])
    bars = [next(span.text for span in made if "█" in span.text) for made in lines[1:]]
    assert [bar.index("█") for bar in bars] == sorted(bar.index("█") for bar in bars)
    assert timeline_lines((), 0) == ()


def test_an_own_run_has_its_number_wherever_its_requests_are_told_of() -> None:
    begun = Run(RunProgress(run="20261127T140358Z-113b79", number=7, state="running"))
    shown = Snapshot(run=begun, runs=RUNS)
    called = shown.session_named
    own = replace(PASSED[0], run="20261127T140358Z-113b79", session="20261127T140358Z-113b79")
    row = request_row(own, "", request_columns(200), time.gmtime, session_named=called)
    assert "run 7" in [text_of(cell) for cell in row.cells]
    assert text_of(timeline_lines((own,), 0, session_named=called)[0]).startswith("Run 7  ")
    chosen = RequestFilter(text="run 7")
    assert chosen.takes(own, "", session_named=called)
    assert not chosen.takes(replace(own, session="desk-7", run=""), "", session_named=called)
    of_a_run = RequestFilter(session=own.session)
    assert "of run 7" in text_of(summary_line((own,), 1, 0, of_a_run, called))
    assert called(RUNS.runs[0].run) == f"run {RUNS.runs[0].number}"
    assert called("desk-7") == "desk-7"


def test_a_large_screen_tells_the_session_of_a_run_whole() -> None:
    (session,) = (one for one in request_columns(200) if one.key == "session")
    assert session.width == len("20261127T140358Z-113b79")


@pytest.mark.parametrize("width", [0, 20, 38, 60, 80, 120, 200])
def test_columns_fit_any_width_and_spare_room_is_for_causes(width: int) -> None:
    columns = request_columns(width)
    taken = sum(column.width for column in columns) + len(columns) - 1
    assert taken <= max(width, 21)
    by_key = {column.key: column.width for column in columns}
    assert width < 80 or (by_key["node"] <= 28 and by_key["cause"] >= 12)
