"""Pages on recordings: whole in themselves, and true to what was measured."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from charter_engine.api import recordings
from charter_engine.commands.pages import comparison, recording
from charter_engine.commands.pages.plots import (
    BarSeries,
    PlottedCurve,
    PlottedPoint,
    bars,
    curves,
    short,
)
from charter_engine.contracts.exporting import ExportRequest
from charter_engine.contracts.recordings import CompareRecordings
from tests.unit.store.recorded import record

VOID = {"meta", "input"}


class Nesting(HTMLParser):
    """Raises where an element is closed that is not the last one opened."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("recording") / "<demo>.charter", range(90), push_at=45)


@pytest.fixture(scope="module", params=["recording", "comparison"])
def page(request: pytest.FixtureRequest, path: Path) -> str:
    if request.param == "recording":
        return recording.page_of(recordings.story(ExportRequest(recording=str(path))))
    return comparison.page_of(recordings.compare(CompareRecordings(before=str(path))))


def test_a_page_is_one_file_that_fetches_nothing(page: str) -> None:
    assert not re.search(r"(src|href|url)\s*[=(]\s*[\"']?(?!#)\w", page)
    assert "<demo>" not in page
    Nesting(page)


def test_a_page_has_both_light_and_dark_colours(page: str) -> None:
    assert "color-scheme: light dark" in page
    assert "prefers-color-scheme: dark" in page


def test_what_was_pushed_is_numbered_on_every_plot_and_told_by_its_number(path: Path) -> None:
    page = recording.page_of(recordings.story(ExportRequest(recording=str(path))))
    plots = page.count("<figure>")
    assert plots
    assert page.count('class="mark"') == page.count(">1</text>") == plots
    assert re.search(r"<td>1</td><td>[^<]*</td><td>push</td>", page)


def test_what_a_pointer_shows_is_what_was_measured(page: str) -> None:
    (told,) = re.findall(r"Prompt tokens computed.*?application/json\">(.*?)</script>", page)
    shown = json.loads(told)
    assert len(shown["at"]) == len(shown["labels"])
    values = [value for one in shown["series"] for value in one["values"] if value]
    assert len(values) == 90
    assert all(60 <= float(value.split()[0]) <= 180 for value in values)


def test_a_gap_in_a_curve_is_no_line() -> None:
    points = [
        [PlottedPoint(float(x), 1.0, 1.0, 1.0) for x in run] for run in ((0, 1), (5, 6), (9,))
    ]
    plot = curves("t", "u", [PlottedCurve("", points)], str)
    assert plot.count("<polyline") == 2
    assert plot.count("<circle") == 1


def test_what_a_curve_ranged_over_is_a_band_behind_it() -> None:
    points = [PlottedPoint(0.0, 1.0, 0.5, 2.0), PlottedPoint(1.0, 1.0, 1.0, 1.0)]
    plot = curves("t", "u", [PlottedCurve("", [points])], str)
    assert plot.index("<polygon") < plot.index("<polyline")


def test_bars_are_as_high_as_their_values_and_the_unknown_have_none() -> None:
    plot = bars("t", "u", ["a", "b", "c"], [BarSeries("", [100.0, 50.0, None])])
    first, second = map(float, re.findall(r'class="bar"[^>]*height="([\d.]+)"', plot))
    assert first == pytest.approx(2 * second, abs=0.2)


def test_of_what_is_not_known_at_all_there_is_no_plot() -> None:
    assert bars("t", "u", ["a"], [BarSeries("", [None])]) == ""
    assert curves("t", "u", [PlottedCurve("", [])], str) == ""


@pytest.mark.parametrize(
    ("value", "words"), [(0.0, "0"), (12.34, "12.3"), (1_234.0, "1.23k"), (5e6, "5M"), (2e9, "2G")]
)
def test_numbers_are_short(value: float, words: str) -> None:
    assert short(value) == words
