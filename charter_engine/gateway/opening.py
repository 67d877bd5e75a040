"""Gateways put together: what answers which route."""

from collections.abc import Callable

from charter_engine.contracts.gateway import GatewayRequest, Observer
from charter_engine.gateway.answers import Responder
from charter_engine.gateway.dialect import Dialect
from charter_engine.gateway.model import ServedModel
from charter_engine.gateway.model_list import ModelList
from charter_engine.gateway.openai_chat import OpenAiChat
from charter_engine.gateway.openai_completions import OpenAiCompletions
from charter_engine.gateway.server import Gateway
from charter_engine.gateway.translated import Translated
from charter_engine.gateway.triton_backend import TritonBackend
from charter_engine.triton.client import TritonClient

DIALECTS: dict[str, Callable[[], Dialect]] = {
    "/v1/chat/completions": OpenAiChat,
    "/v1/completions": OpenAiCompletions,
}


def triton_gateway(
    request: GatewayRequest,
    client: Callable[[], TritonClient],
    model: ServedModel,
    observe: Observer,
) -> Gateway:
    """In front of `charter_bls`. `client` gives the client to use now."""
    backend = TritonBackend(client, model)
    models = None if request.any_model else request.models
    responders: dict[tuple[str, str], Responder] = {
        ("POST", path): Translated(dialect(), backend, models, request.limits.deadline_seconds)
        for path, dialect in DIALECTS.items()
    }
    responders["GET", "/v1/models"] = ModelList(request.models)
    return Gateway(request, responders, observe)
