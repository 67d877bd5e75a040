"""Gateways put together: what answers which route."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from charter_engine.contracts.gateway import GatewayRequest, Observer
from charter_engine.gateway.answers import Responder
from charter_engine.gateway.anthropic_messages import AnthropicMessages
from charter_engine.gateway.dialect import Dialect
from charter_engine.gateway.either import PassedOnOrTranslated
from charter_engine.gateway.model import ServedModel
from charter_engine.gateway.model_list import ModelList
from charter_engine.gateway.openai_chat import OpenAiChat
from charter_engine.gateway.openai_completions import OpenAiCompletions
from charter_engine.gateway.openai_responses import OpenAiResponses
from charter_engine.gateway.passed_on import PassedOn
from charter_engine.gateway.server import Gateway
from charter_engine.gateway.token_counts import TokenCounts
from charter_engine.gateway.translated import Translated
from charter_engine.gateway.triton_backend import ModelBackend
from charter_engine.gateway.upstream import Upstream
from charter_engine.gateway.upstream_chat import UpstreamChat

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
RESPONSES, MESSAGES = "/v1/responses", "/v1/messages"
Responders = dict[tuple[str, str], Responder]


def dialects() -> dict[str, Dialect]:
    """What each route is spoken in."""
    return {
        CHAT: OpenAiChat(),
        COMPLETIONS: OpenAiCompletions(),
        RESPONSES: OpenAiResponses(),
        MESSAGES: AnthropicMessages(),
    }


def model_gateway(
    request: GatewayRequest,
    backend: ModelBackend,
    model: Callable[[], ServedModel],
    observe: Observer,
) -> Gateway:
    """In front of a model that speaks none of the APIs; `model` gives the one served by now."""
    models = None if request.any_model else request.models
    deadline = request.limits.deadline_seconds
    responders: Responders = {
        ("POST", path): Translated(dialect, backend, models, deadline)
        for path, dialect in dialects().items()
    }
    responders["GET", "/v1/models"] = ModelList(request.models)
    responders["POST", f"{MESSAGES}/count_tokens"] = TokenCounts(model)
    return Gateway(request, responders, observe)


@asynccontextmanager
async def openai_gateway(
    url: str, request: GatewayRequest, observe: Observer
) -> AsyncIterator[Gateway]:
    """In front of a server of OpenAI's shape at a URL: all that it answers is passed on, and what
    it lacks of responses and messages is asked of its chat route."""
    deadline = request.limits.deadline_seconds
    async with Upstream(url, request.openai_key, own_key=bool(request.key)) as upstream:
        chat = UpstreamChat(upstream)
        responders: Responders = {}
        for path, dialect in dialects().items():
            passed_on = PassedOn(upstream, dialect, deadline)
            responders["POST", path] = (
                PassedOnOrTranslated(upstream, passed_on, Translated(dialect, chat, None, deadline))
                if path in {RESPONSES, MESSAGES}
                else passed_on
            )
        responders["*", "/v1/{path:.*}"] = PassedOn(upstream, OpenAiResponses(), deadline)
        async with Gateway(request, responders, observe) as gateway:
            yield gateway
