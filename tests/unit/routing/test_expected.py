"""What a server is expected to hold."""

from charter_engine.routing.expected import ExpectedPrefixes


def test_what_was_sent_is_expected_up_to_where_a_prompt_differs() -> None:
    expected = ExpectedPrefixes()
    expected.sent("abc")
    assert expected.match("abd") == 2


def test_a_grain_behind_one_that_is_not_there_does_not_count() -> None:
    expected = ExpectedPrefixes()
    expected.sent("abc")
    assert expected.match("xbc") == 0


def test_of_one_prompt_the_end_is_forgotten_first() -> None:
    expected = ExpectedPrefixes(most=2)
    expected.sent("abc")
    assert expected.match("abc") == 2


def test_what_was_sent_last_is_kept_longest() -> None:
    expected = ExpectedPrefixes(most=2)
    for prompt in ("ab", "cd"):
        expected.sent(prompt)
    assert (expected.match("ab"), expected.match("cd")) == (0, 2)
