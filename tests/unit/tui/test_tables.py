"""How the columns of a table share its width."""

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
