"""Retention refreshes in the background: what becomes of each."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Event

import pytest

from charter_engine.bls.refresh import RetentionRefreshes
from charter_engine.bls.refresh_timing import Misjudged
from charter_engine.bls.sessions import Sent, Sessions
from tests.unit.bls.streams import demotable, followed_up, prompt

Followed = tuple[Sessions, Sent, int]
LIMIT_S = 60
ENOUGH_LOOKS = 4
"""So often it is asked how many requests are under way until a refresh has waited for longer than
its pause."""


class Server:
    """What a test says is under way; what is sent to it, and what is counted."""

    def __init__(self, under_way: int, reused_tokens: int = 1_000_000) -> None:
        self.requests, self.reused_tokens = under_way, reused_tokens
        self.looked = Event()
        self.looks = 0
        self.sent: SimpleQueue[str] = SimpleQueue()
        self.outcomes: SimpleQueue[str] = SimpleQueue()

    def under_way(self) -> int:
        self.looks += 1
        if self.looks >= ENOUGH_LOOKS:
            self.looked.set()
        return self.requests

    def send(self, name: str, *_: object) -> int:
        self.sent.put(name)
        if name.startswith("failing"):
            raise RuntimeError
        return self.reused_tokens

    def outcome(self) -> str:
        return self.outcomes.get(timeout=LIMIT_S)

    @contextmanager
    def refreshes(self, sessions: Sessions, **most: int) -> Iterator[RetentionRefreshes]:
        found = RetentionRefreshes(
            sessions, self.send, self.outcomes.put, under_way=self.under_way, **most
        )
        try:
            yield found
        finally:
            found.close()


@pytest.fixture
def followed() -> Followed:
    return followed_up()


def test_a_refresh_waits_while_clients_do_and_is_sent_once_they_are_answered(
    followed: Followed,
) -> None:
    sessions, sent, level = followed
    server = Server(under_way=1)
    with server.refreshes(sessions) as refreshes:
        refreshes.follow("r", sent, level, (1, 2))
        assert server.looked.wait(LIMIT_S)
        assert server.sent.empty()
        server.requests = 0
        refreshes.answered(100)
        assert server.outcome() == "sent"
    assert server.sent.get() == "r-restamp"


def test_a_refresh_is_dropped_when_its_sessions_next_request_is_there(followed: Followed) -> None:
    sessions, sent, level = followed
    server = Server(under_way=1)
    with server.refreshes(sessions) as refreshes:
        refreshes.follow("r", sent, level, (1, 2))
        sessions.sent("a", prompt(10_000, 1_100), "main", 1.5)
        assert server.outcome() == "overtaken"
    assert server.sent.empty()


def test_of_more_refreshes_than_may_wait_the_least_worth_is_dropped(followed: Followed) -> None:
    sessions, short, level = followed
    long = sessions.sent("b", prompt(50_000, 9_000), "main", 0.0)
    server = Server(under_way=1)
    with server.refreshes(sessions, most=1) as refreshes:
        refreshes.follow("long", long, level, ())
        refreshes.follow("short", short, level, ())
        assert server.outcome() == "busy"
        server.requests = 0
        assert server.outcome() == "sent"
    assert server.sent.get() == "long-restamp"


def test_no_refresh_is_sent_where_none_may_wait(followed: Followed) -> None:
    sessions, sent, level = followed
    server = Server(under_way=0)
    with server.refreshes(sessions, most=0) as refreshes:
        refreshes.follow("r", sent, level, ())
        assert server.outcome() == "busy"
    assert server.sent.empty()


def test_a_refresh_that_fails_is_counted_and_harms_no_other(followed: Followed) -> None:
    sessions, sent, level = followed
    server = Server(under_way=0)
    with server.refreshes(sessions) as refreshes:
        refreshes.follow("failing", sent, level, ())
        assert server.outcome() == "failed"
        refreshes.follow("r", sent, level, ())
        assert server.outcome() == "sent"


def test_what_is_presumably_evicted_is_not_refreshed(followed: Followed) -> None:
    sessions, sent, level = followed
    server = Server(under_way=1, reused_tokens=0)
    with server.refreshes(sessions) as refreshes:
        refreshes.follow("evicted", sent, level, ())
        refreshes.answered(5_000)
        server.requests = 0
        assert server.outcome() == "sent"
        server.requests = 1
        refreshes.follow("later", sent, level, ())
        refreshes.answered(5_000)
        assert server.outcome() == "stale"


def test_closing_gives_up_those_that_wait(followed: Followed) -> None:
    sessions, sent, level = followed
    server = Server(under_way=1)
    with server.refreshes(sessions) as refreshes:
        refreshes.follow("r", sent, level, ())
    assert server.sent.empty()


def test_behind_a_clients_request_a_prompt_is_demoted_once() -> None:
    server = Server(under_way=0)
    with server.refreshes(demotable(time.monotonic())) as refreshes:
        refreshes.answered(100)
        assert server.outcome() == "demoted"
        refreshes.answered(100)
    assert server.sent.get().startswith("demoted")
    assert server.sent.empty()


def test_nothing_is_demoted_where_no_refresh_may_be_sent() -> None:
    server = Server(under_way=0)
    with server.refreshes(demotable(time.monotonic()), most=0) as refreshes:
        refreshes.answered(100)
    assert server.sent.empty()


def test_refreshes_go_on_where_demotions_fail(followed: Followed) -> None:
    sessions, sent, level = followed
    del sessions._worths
    server = Server(under_way=0)
    with server.refreshes(sessions) as refreshes:
        refreshes.answered(100)
        assert server.outcome() == "failed"
        refreshes.follow("r", sent, level, (1, 2))
        assert server.outcome() == "sent"


def test_prompts_that_were_not_there_after_all_end_demotions() -> None:
    misjudged = Misjudged()
    misjudged.computed = 2
    assert misjudged.too_much(199)
    assert not misjudged.too_much(200)
