"""Conversations that may be continued by the id of their last response."""

from collections import OrderedDict

from charter_engine.gateway.asking import ChatMessage
from charter_engine.gateway.errors import GatewayError

MOST_CHARACTERS = 64 * 1024 * 1024
"""Assumed: the last few hundred long prompts, at one byte a character of plain text."""


class RecentConversations:
    """In memory only; the oldest are forgotten where all together are longer than `most`
    characters."""

    def __init__(self, most: int = MOST_CHARACTERS) -> None:
        self._most = most
        self._kept: OrderedDict[str, tuple[ChatMessage, ...]] = OrderedDict()
        self._characters = 0

    def keep(self, response_id: str, messages: tuple[ChatMessage, ...]) -> None:
        """From now on the conversation may be continued."""
        self._kept[response_id] = messages
        self._characters += _length(messages)
        while self._characters > self._most:
            self._characters -= _length(self._kept.popitem(last=False)[1])

    def before(self, response_id: str) -> tuple[ChatMessage, ...]:
        """The conversation up to that response. Raises `GatewayError` where it is not kept."""
        if response_id not in self._kept:
            raise GatewayError(
                400,
                f"the response {response_id!r} is not remembered here: send its messages as input",
                field="previous_response_id",
                code="previous_response_not_found",
            )
        return self._kept[response_id]


def _length(messages: tuple[ChatMessage, ...]) -> int:
    return sum(
        len(message.content) + sum(len(call.arguments) for call in message.tool_calls)
        for message in messages
    )
