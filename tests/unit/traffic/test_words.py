"""The word diff around a divergence."""

from charter_engine.commands.miss_report import in_words
from charter_engine.traffic.words import WORDS, word_diff


def test_a_word_of_which_only_the_end_differs_is_shown_whole() -> None:
    found = in_words(word_diff("It is 12:0", "1 now, sir", "2 now, sir"))
    assert found == "It is 12:[-01-]{+02+} now, sir"


def test_what_was_left_out_is_shown_without_a_counterpart() -> None:
    assert in_words(word_diff("a ", "b c d", "c d")) == "a [-b -]c d"


def test_words_far_from_the_place_are_left_out() -> None:
    long = " ".join(f"w{n}" for n in range(500))
    found = word_diff(long + " ", "x " + long, "y " + long)
    assert sum(len(change.text.split()) for change in found) <= 2 * WORDS
    assert in_words(found).count("[-") == 1


def test_texts_that_end_at_the_place_have_no_words_behind_it() -> None:
    assert word_diff("", "", "") == ()
    assert in_words(word_diff("all of it ", "", "more")) == "all of it {+more+}"
