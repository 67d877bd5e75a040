"""Gateways put together: what answers which route."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from charter_engine.contracts.gateway import GatewayRequest, Observer
from charter_engine.gateway.answers import Responder
from charter_engine.gateway.anthropic_messages import AnthropicMessages
from charter_engine.gateway.dialect import Dialect
from charter_engine.gateway.either import PassedOnOrTranslated
from charter_engine.gateway.message_layout import BodyLayout
from charter_engine.gateway.model import ServedModel
from charter_engine.gateway.model_list import ModelList
from charter_engine.gateway.openai_chat import OpenAiChat
from charter_engine.gateway.openai_completions import OpenAiCompletions
from charter_engine.gateway.openai_responses import OpenAiResponses
from charter_engine.gateway.passed_on import PassedOn
from charter_engine.gateway.readiness import IsReady, watching
from charter_engine.gateway.routed import Routed, ServerList
from charter_engine.gateway.server import Gateway
from charter_engine.gateway.token_counts import TokenCounts
from charter_engine.gateway.translated import Translated
from charter_engine.gateway.triton_backend import ModelBackend
from charter_engine.gateway.upstream import Upstream
from charter_engine.gateway.upstream_chat import UpstreamChat
from charter_engine.routing.router import Router

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
    return Gateway(request, model_responders(request, backend, model, dialects()), observe)


def model_responders(
    request: GatewayRequest,
    backend: ModelBackend,
    model: Callable[[], ServedModel],
    spoken: Mapping[str, Dialect],
) -> Responders:
    """What answers in front of such a model. `spoken` is shared by servers that serve the same:
    dialects remember conversations."""
    models = None if request.any_model else request.models
    deadline = request.limits.deadline_seconds
    responders: Responders = {
        ("POST", path): Translated(dialect, backend, models, deadline)
        for path, dialect in spoken.items()
    }
    responders["GET", "/v1/models"] = ModelList(request.models)
    responders["POST", f"{MESSAGES}/count_tokens"] = TokenCounts(model)
    return responders


@asynccontextmanager
async def openai_gateway(
    request: GatewayRequest, observe: Observer, layout: BodyLayout | None = None
) -> AsyncIterator[Gateway]:
    """In front of servers of OpenAI's shape: all that they answer is passed on, and what they lack
    of responses and messages is asked of their chat route. With a `layout` chats and completions
    are laid out before."""
    async with AsyncExitStack() as stack:
        upstreams = [
            await stack.enter_async_context(
                Upstream(
                    url,
                    request.openai_key,
                    own_key=bool(request.key),
                    root_certificates=request.root_certificates,
                )
            )
            for url in request.openai
        ]
        spoken = dialects()
        servers = [
            RoutedTo(
                upstream.url, _passing_on(request, upstream, spoken, layout), upstream.is_ready
            )
            for upstream in upstreams
        ]
        yield await stack.enter_async_context(routed_gateway(request, servers, observe))


def _passing_on(
    request: GatewayRequest,
    upstream: Upstream,
    spoken: Mapping[str, Dialect],
    layout: BodyLayout | None,
) -> Responders:
    chat = UpstreamChat(upstream)
    deadline, others = request.limits.deadline_seconds, len(request.openai) > 1
    responders: Responders = {}
    for path, dialect in spoken.items():
        laid_out = layout if path in {CHAT, COMPLETIONS} else None
        passed_on = PassedOn(upstream, dialect, deadline, laid_out, others=others)
        responders["POST", path] = (
            PassedOnOrTranslated(upstream, passed_on, Translated(dialect, chat, None, deadline))
            if path in {RESPONSES, MESSAGES}
            else passed_on
        )
    responders["*", "/v1/{path:.*}"] = PassedOn(
        upstream, OpenAiResponses(), deadline, others=others
    )
    return responders


@dataclass(frozen=True)
class RoutedTo:
    """One of the servers behind a gateway, by the name under which it is told of."""

    name: str
    responders: Responders
    is_ready: IsReady


@asynccontextmanager
async def routed_gateway(
    request: GatewayRequest, servers: Sequence[RoutedTo], observe: Observer
) -> AsyncIterator[Gateway]:
    """In front of servers that answer the same routes. One alone gets all, ready or not."""
    first, *others = servers
    if not others:
        async with Gateway(request, first.responders, observe) as gateway:
            yield gateway
        return
    router = Router([server.name for server in servers])
    responders: Responders = {
        route: Routed(router, {server.name: server.responders[route] for server in servers})
        for route in first.responders
    }
    responders["GET", "/servers"] = ServerList(router)
    async with (
        watching(router, {server.name: server.is_ready for server in servers}),
        Gateway(request, responders, observe) as gateway,
    ):
        yield gateway
