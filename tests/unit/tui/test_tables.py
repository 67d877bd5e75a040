"""How the columns of a table share its width."""

import pytest

from charter_tui.present.findings import finding_columns
from charter_tui.present.fleet import fleet_columns
from charter_tui.present.history import history_columns
from charter_tui.present.recordings import recording_columns
from charter_tui.present.requests import request_columns
from charter_tui.present.sessions import session_columns
from charter_tui.present.spans import line
from charter_tui.present.tables import Column, Row, fill, snug

NAME = Column("name", "NAME", 0, "left")
FIGURE = Column("figure", "FIGURE", 8)
WORDS = Column("words", "WORDS", 10, "left")


def rows(columns: int, *names: str) -> list[Row]:
    return [Row(name, (line(name), *(line("x") for _ in range(columns - 1)))) for name in names]


def widths(columns: tuple[Column, ...]) -> list[int]:
    return [column.width for column in columns]


def test_names_take_no_more_than_they_need_and_the_words_behind_get_the_rest() -> None:
    filled = fill((NAME, FIGURE, WORDS), 100)
    assert widths(snug(filled, "name", rows(3, "short", "a longer name"))) == [15, 8, 75]


def test_figures_stay_beside_the_names_and_the_rest_stays_empty() -> None:
    filled = fill((NAME, FIGURE), 100)
    assert widths(snug(filled, "name", rows(2, "a longer name"))) == [15, 8]


def test_names_that_need_all_of_their_room_keep_it() -> None:
    filled = fill((NAME, FIGURE), 40)
    assert snug(filled, "name", rows(2, "n" * 50)) == filled
    assert snug(filled, "name", ()) == filled


@pytest.mark.parametrize("width", [58, 78, 118, 197])
def test_no_heading_of_a_list_is_cut_off(width: int) -> None:
    for columns in (
        history_columns(width),
        finding_columns(width),
        fleet_columns(width, None),
        recording_columns(width),
        request_columns(width),
        session_columns(width),
    ):
        assert sum(column.width for column in columns) + len(columns) - 1 <= width
