"""Routes that an upstream may have or lack."""

from aiohttp import web

from charter_engine.gateway.errors import GatewayError
from charter_engine.gateway.passed_on import PassedOn
from charter_engine.gateway.passing import Passing
from charter_engine.gateway.translated import Translated
from charter_engine.gateway.upstream import Upstream


class PassedOnOrTranslated:
    """Passed on where the upstream has the route, else asked of its chat route."""

    def __init__(self, upstream: Upstream, passed_on: PassedOn, translated: Translated) -> None:
        self._upstream = upstream
        self._passed_on = passed_on
        self._translated = translated

    def error(self, error: GatewayError) -> object:
        return self._translated.error(error)

    async def answer(self, request: web.Request, passing: Passing) -> web.StreamResponse:
        headers = self._upstream.headers(request.headers, passing.onward_headers)
        has = await self._upstream.has(request.path, headers)
        return await (self._passed_on if has else self._translated).answer(request, passing)
