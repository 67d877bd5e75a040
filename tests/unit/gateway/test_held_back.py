"""An answer goes up to the first of its stop words, however it is cut."""

from hypothesis import given
from hypothesis import strategies as st

from charter_engine.gateway.held_back import UpToStop

LETTERS = st.text("abAB", max_size=12)


def up_to(words: list[str], pieces: list[str]) -> tuple[str, str]:
    """The answer, and the word that ended it."""
    reader = UpToStop(words)
    text = "".join(reader.feed(piece) for piece in pieces) + reader.finish()
    return text, reader.stop_word


def test_the_word_itself_is_not_shown() -> None:
    assert up_to(["END"], ["one E", "ND two"]) == ("one ", "END")


def test_what_only_begins_like_a_word_is_shown() -> None:
    assert up_to(["END"], ["one E", "N"]) == ("one EN", "")


def test_without_words_text_is_passed_on_at_once() -> None:
    assert UpToStop(()).feed("one E") == "one E"


@given(st.lists(st.text("abAB", min_size=1, max_size=3), max_size=3), st.lists(LETTERS))
def test_the_first_word_of_the_text_ends_it(words: list[str], pieces: list[str]) -> None:
    whole = "".join(pieces)
    places = [place for word in words if (place := whole.find(word)) >= 0]
    text, stop_word = up_to(words, pieces)
    assert text == whole[: min(places, default=len(whole))]
    assert bool(stop_word) == bool(places)
