"""Requests of one route, answered by any of several servers."""

import logging
from collections.abc import Mapping

from aiohttp import web

from charter_engine.gateway.answers import Responder, json_answer
from charter_engine.gateway.content import affinity_of_body
from charter_engine.gateway.errors import GatewayError
from charter_engine.gateway.openai_errors import error_body
from charter_engine.gateway.passing import Passing
from charter_engine.routing.router import RoutedServer, Router

log = logging.getLogger(__name__)


class Routed:
    """`responders` by the router's names of the servers.

    A request whose server fails before anything of an answer was sent is sent to the next one.
    """

    def __init__(self, router: Router, responders: Mapping[str, Responder]) -> None:
        self._router = router
        self._responders = responders

    def error(self, error: GatewayError) -> object:
        return next(iter(self._responders.values())).error(error)

    async def answer(self, request: web.Request, passing: Passing) -> web.StreamResponse:
        affinity = affinity_of_body(passing.record.session, passing.body)
        tried: list[str] = []
        failure: GatewayError | None = None
        while (server := self._router.choose(affinity, tried)) is not None:
            tried.append(server.name)
            passing.note(server=server.name)
            with self._router.sending(server, affinity) as sent:
                passing.when_begun = sent.begun
                try:
                    return await self._responders[server.name].answer(request, passing)
                except GatewayError as error:
                    if not error.retriable:
                        raise
                    set_aside(server, error.message)
                    failure = error
        assert failure is not None
        raise failure


def set_aside(server: RoutedServer, reason: str) -> None:
    """It gets nothing new until it is ready again."""
    server.failed += 1
    if server.ready:
        log.warning("%s is set aside: %s", server.name, reason)
    server.ready = False


class ServerList:
    """How the servers stand: what the router knows of them."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def error(self, error: GatewayError) -> object:
        return error_body(error)

    async def answer(self, _: web.Request, passing: Passing) -> web.StreamResponse:
        servers = [
            {
                "server": server.name,
                "ready": server.ready,
                "in_flight": server.in_flight,
                "requests": server.sent,
                "failures": server.failed,
            }
            for server in self._router.servers.values()
        ]
        return json_answer({"servers": servers}, headers=passing.answer_headers)
