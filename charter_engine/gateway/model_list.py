"""OpenAI's `/v1/models`: what is served here."""

import time

from aiohttp import web

from charter_engine.gateway.answers import json_answer
from charter_engine.gateway.errors import GatewayError
from charter_engine.gateway.openai_errors import error_body
from charter_engine.gateway.passing import Passing

OWNER = "charter"


class ModelList:
    """The models by name, since the gateway began to serve them."""

    def __init__(self, models: tuple[str, ...]) -> None:
        self._models = models
        self._since = int(time.time())

    def error(self, error: GatewayError) -> object:
        return error_body(error)

    async def answer(self, _request: web.Request, passing: Passing) -> web.StreamResponse:
        data = [
            {"id": name, "object": "model", "created": self._since, "owned_by": OWNER}
            for name in self._models
        ]
        return json_answer({"object": "list", "data": data}, headers=passing.answer_headers)
