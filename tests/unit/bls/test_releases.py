"""What sessions are remembered to have left behind."""

from typing import Any

import numpy as np
import pytest

from charter_engine.bls.releases import Releases
from charter_engine.bls.retention import ReleaseWhen


def tokens(*runs: range) -> Any:
    return np.concatenate([np.asarray(run, np.int32) for run in runs])


HEAD = range(200)


def kept(
    when: ReleaseWhen, *answered: tuple[str, Any, bool], most_sessions: int = 8
) -> list[tuple[int, int]]:
    """The length of each sequence released, and how many tokens stay of it."""
    sent: list[tuple[int, int]] = []
    releases = Releases(when, lambda prompt, keep: sent.append((len(prompt), keep)), most_sessions)
    for session, sequence, ends in answered:
        releases.answered(session, sequence, ends=ends)
    releases.close()
    return sent


def test_the_end_that_a_newer_prompt_rewrote_is_released() -> None:
    first, second = tokens(HEAD, range(500, 600)), tokens(HEAD, range(700, 900))
    assert kept("superseded", ("a", first, False), ("a", second, False)) == [(300, 200)]


def test_sessions_do_not_supersede_one_another_and_no_session_supersedes_nothing() -> None:
    first, second = tokens(HEAD, range(500, 600)), tokens(HEAD, range(700, 900))
    assert kept("superseded", ("a", first, False), ("b", second, False)) == []
    assert kept("superseded", ("", first, False), ("", second, True)) == []


@pytest.mark.parametrize(("when", "released"), [("superseded", []), ("session-end", [(300, 200)])])
def test_a_session_that_ends_keeps_what_another_has_too(
    when: ReleaseWhen, released: list[tuple[int, int]]
) -> None:
    other, ending = tokens(HEAD, range(500, 600)), tokens(HEAD, range(700, 800))
    assert kept(when, ("a", other, False), ("b", ending, True)) == released


def test_sessions_heard_of_longest_ago_are_forgotten() -> None:
    first, second = tokens(HEAD, range(500, 600)), tokens(HEAD, range(700, 900))
    answered = (("a", first, False), ("b", second, False), ("a", second, False))
    assert kept("superseded", *answered, most_sessions=1) == []
