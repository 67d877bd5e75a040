"""Requests of one API, answered by a backend that speaks none."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from aiohttp import web

from charter_engine.gateway.answers import EVENTS, end_with, json_answer, within
from charter_engine.gateway.asking import Asking, Ended, Piece, answered
from charter_engine.gateway.dialect import Dialect
from charter_engine.gateway.errors import GatewayError, unknown_model
from charter_engine.gateway.passing import Passing
from charter_engine.gateway.triton_backend import ModelBackend


class Translated:
    """`models` None: whatever model is asked for."""

    def __init__(
        self,
        dialect: Dialect,
        backend: ModelBackend,
        models: tuple[str, ...] | None,
        deadline_seconds: float,
    ) -> None:
        self._dialect = dialect
        self._backend = backend
        self._models = models
        self._deadline_seconds = deadline_seconds

    def error(self, error: GatewayError) -> object:
        return self._dialect.error(error)

    async def answer(self, request: web.Request, passing: Passing) -> web.StreamResponse:
        asking = self._dialect.read(passing.body)
        if self._models is not None and asking.model not in self._models:
            raise unknown_model(asking.model, self._models)
        async with aclosing(self._backend.answer(asking, passing)) as pieces:
            if asking.stream:
                return await self._streamed(request, asking, pieces, passing)
            return await self._whole(asking, pieces, passing)

    async def _whole(
        self, asking: Asking, pieces: AsyncIterator[Piece], passing: Passing
    ) -> web.Response:
        async with within(self._deadline_seconds):
            answer = answered([piece async for piece in pieces])
        passing.ended(answer.ended)
        return json_answer(self._dialect.whole(asking, answer), headers=passing.answer_headers)

    async def _streamed(
        self,
        request: web.Request,
        asking: Asking,
        pieces: AsyncIterator[Piece],
        passing: Passing,
    ) -> web.StreamResponse:
        """The status waits for the first piece: until then it tells of a failure, and afterwards
        only an event can."""
        writer = self._dialect.events(asking)
        response = web.StreamResponse(headers=EVENTS | passing.answer_headers)
        try:
            async with within(self._deadline_seconds):
                async for piece in pieces:
                    begin = b"" if response.prepared else writer.begin()
                    events = begin + writer.piece(piece)
                    passing.sending(events)
                    await response.prepare(request)
                    await response.write(events)
                    if isinstance(piece, Ended):
                        passing.ended(piece)
        except GatewayError as error:
            if not response.prepared:
                raise
            passing.failed(error.status, error.message)
            await end_with(request, response, self._dialect.failure(error, passing.events))
        else:
            await response.write_eof()
        return response
