"""Conversations that may be continued are kept within bounds."""

import pytest

from charter_engine.gateway.asking import ChatMessage
from charter_engine.gateway.errors import GatewayError
from charter_engine.gateway.recent import RecentConversations


def said(text: str) -> tuple[ChatMessage, ...]:
    return (ChatMessage(role="user", content=text),)


def test_a_kept_conversation_is_found_by_its_id() -> None:
    recent = RecentConversations()
    recent.keep("r1", said("hi"))
    assert recent.before("r1") == said("hi")


def test_the_oldest_are_forgotten_where_all_together_are_too_long() -> None:
    recent = RecentConversations(most=10)
    for number in range(5):
        recent.keep(f"r{number}", said("1234"))
    for forgotten in ("r0", "r1", "r2"):
        with pytest.raises(GatewayError, match="is not remembered here"):
            recent.before(forgotten)
    assert recent.before("r3") == recent.before("r4") == said("1234")


def test_a_conversation_that_is_too_long_by_itself_is_not_kept() -> None:
    recent = RecentConversations(most=3)
    recent.keep("r1", said("1234"))
    with pytest.raises(GatewayError):
        recent.before("r1")
