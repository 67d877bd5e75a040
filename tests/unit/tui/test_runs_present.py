"""The runs screen's lines."""

import time

import pytest
from msgspec.structs import replace

from charter_engine.contracts.live import RequestRecord
from charter_engine.contracts.runs import Interval, RunComparison, RunDetail, RunDifference
from charter_tui.present.runs import comparison_of_runs, request_lines, run_columns, run_rows
from charter_tui.present.spans import Line, line_width, text_of
from charter_tui.state import Snapshot
from tests.tui.scene import FAILED_RUN, LIVE_RUN, RUNS, START, VALIDATED, WRITTEN_RUN

COMPARISON = RunComparison(
    before=WRITTEN_RUN,
    after=LIVE_RUN,
    verdict=RUNS.verdict,
    differences=(
        RunDifference(figure="computed_tokens", before=25_290.0, after=18_630.0, change=-0.263),
        RunDifference(
            figure="item_ms",
            before=2_310.0,
            after=2_310.0,
            change=0.0,
            interval=Interval(-0.1, 0.2),
        ),
        RunDifference(figure="token_hit_rate", before=0.042, after=0.31, change=0.268),
    ),
    notes=("fewer than 5 items: no intervals",),
)


def said(lines: tuple[Line, ...]) -> str:
    return "\n".join(map(text_of, lines))


def test_every_run_has_a_row_of_its_own_with_what_it_was_made_under() -> None:
    columns = run_columns(140)
    rows = run_rows(Snapshot(runs=RUNS), 5, columns)
    assert [row.key for row in rows] == ["6", "5", "4"]
    cells = dict(zip((one.key for one in columns), map(text_of, rows[1].cells), strict=True))
    assert cells["number"] == "A 5"
    assert (cells["what"], cells["cache"]) == ("revision 3", "empty")
    assert (cells["computed"], cells["whole"], cells["hit"]) == ("=18,630", "=14.2 s", "=31.0 %")
    assert (cells["ttft"], cells["p95"]) == ("=214 ms", "=402 ms")
    assert text_of(rows[2].cells[2]) == "as written"


def test_columns_keep_to_the_width_and_what_is_paid_stays() -> None:
    for width in (60, 76, 100, 120, 160):
        columns = run_columns(width)
        assert sum(column.width + 1 for column in columns) <= width + 1
        assert {"computed", "whole", "cache"} <= {column.key for column in columns}
        assert width < 76 or {"ttft", "p95", "hit"} <= {column.key for column in columns}


def test_two_runs_stand_side_by_side_with_intervals_and_the_verdict() -> None:
    text = said(comparison_of_runs(COMPARISON, 80))
    assert "A run 4 as written  against  B run 5 revision 3" in text
    assert "=25,290    =18,630      −26 %" in text
    assert "−10 to +20 %" in text
    assert "+26.8 pt" in text
    assert "B against A: computes 26 % less, runs 45 % longer: not worth it here" in text
    assert "! fewer than 5 items: no intervals" in text


def test_a_change_that_rounds_to_nought_has_no_sign() -> None:
    nought = RunDifference(
        figure="ttft_ms", before=251.0, after=250.9, change=-0.0004, interval=Interval(-0.003, 0.0)
    )
    text = said(comparison_of_runs(replace(COMPARISON, differences=(nought,)), 80))
    assert " 0 %" in text and "0 to 0 %" in text
    assert "−0" not in text


def test_failed_requests_come_before_the_slowest() -> None:
    slow = RequestRecord(
        run="r",
        node=VALIDATED,
        item=3,
        started_at=START,
        prompt_tokens=100,
        reused_tokens=25,
        latency_ms=900.0,
    )
    sent = (slow, replace(slow, item=4, latency_ms=2_000.0), replace(slow, error="deadline"))
    lines = request_lines(RunDetail(summary=FAILED_RUN, requests=sent), 100, time.gmtime)
    text = said(lines)
    assert "3 requests, 1 failed" in text
    assert text.index("deadline") < text.index("=2.00 s") < text.index("=900 ms")
    assert "=75" in text
    assert all(line_width(line) <= 100 for line in lines)


@pytest.mark.parametrize("width", [38, 57, 78])
def test_columns_that_find_no_room_are_left_out_whole(width: int) -> None:
    columns = run_columns(width)
    assert sum(column.width + 1 for column in columns) - 1 <= width
    assert {"number", "what", "computed"} <= {column.key for column in columns}
