"""Streams that have ended are kept until Triton has forgotten them."""

import time

from charter_engine.bls.ended import IDLE_SECONDS, EndedStreams


def kept(*streams: str) -> EndedStreams:
    ended = EndedStreams()
    for stream in streams:
        ended.keep(stream)
    return ended


def test_those_that_ended_after_triton_was_asked_are_kept() -> None:
    ended = kept("before")
    count = len(ended)
    ended.keep("after")
    ended.let_go(count)
    assert len(ended) == 1


def test_where_nothing_is_asked_for_a_while_they_are_let_go() -> None:
    ended = kept("one", "other")
    ended.let_go_of_old(time.monotonic())
    assert len(ended) == 2
    ended.let_go_of_old(time.monotonic() + IDLE_SECONDS + 1)
    assert len(ended) == 0
