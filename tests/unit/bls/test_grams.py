"""Telling which texts a prompt may hold."""

from hypothesis import given
from hypothesis import strategies as st

from charter_engine.bls.grams import Grams

TEXTS = st.lists(st.lists(st.text(max_size=20), max_size=4), max_size=8)


@given(TEXTS, st.data())
def test_a_group_whose_texts_are_all_there_is_possible(
    groups: list[list[str]], data: st.DataObject
) -> None:
    grams = Grams(groups)
    for number, group in enumerate(groups):
        between = data.draw(st.text(max_size=9))
        assert grams.possible(between.join(["", *group, ""]))[number]


def test_a_group_one_of_whose_texts_is_missing_is_ruled_out() -> None:
    grams = Grams([["Task: extract", "Document:"], ["Task: verify", "Document:"], ["a", "b"]])
    assert grams.possible("Task: verify it.\nDocument: none").tolist() == [False, True, True]
    assert grams.possible("").tolist() == [False, False, True]


def test_texts_that_differ_in_a_number_are_told_apart() -> None:
    grams = Grams([[f"Chapter {number}: "] for number in range(200)])
    assert grams.possible("Read this.\nChapter 137: of whales").nonzero()[0].tolist() == [137]


def test_no_text_is_too_odd() -> None:
    assert Grams([["\ud800 alone"], ["naïve ☃ café"]]).possible("naïve ☃ café \ud800 alone").all()
