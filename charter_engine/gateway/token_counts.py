"""Anthropic's `/v1/messages/count_tokens`."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from charter_engine.gateway.answers import json_answer
from charter_engine.gateway.anthropic_messages import MessagesBody, chat_of, error_body
from charter_engine.gateway.bodies import read_body
from charter_engine.gateway.errors import GatewayError
from charter_engine.gateway.model import ServedModel
from charter_engine.gateway.passing import Passing


class TokenCounts:
    """Counts the tokens of a conversation as it would be sent.

    `model` gives the one that is served by now.
    """

    def __init__(self, model: Callable[[], ServedModel]) -> None:
        self._model = model

    def error(self, error: GatewayError) -> object:
        return error_body(error)

    async def answer(self, _request: web.Request, passing: Passing) -> web.StreamResponse:
        chat = chat_of(read_body(passing.body, MessagesBody))
        tokens = await asyncio.to_thread(self._model().tokens_of, chat)
        return json_answer({"input_tokens": tokens}, headers=passing.answer_headers)
