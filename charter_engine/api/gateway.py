"""OpenAI's and Anthropic's HTTP in front of a server, for as long as it is wanted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.gateway import GatewayExchange, GatewayRequest, Observer

if TYPE_CHECKING:
    from charter_engine.gateway.reached import ReachedTriton
    from charter_engine.gateway.server import Gateway
    from charter_engine.servers.deployment import Deployment


def unobserved(_: GatewayExchange) -> None:
    """Nobody listens."""


def require_allowed(request: GatewayRequest) -> None:
    """Raises `UsageError` for an address that no gateway may listen on."""
    from charter_engine.gateway import admission

    admission.require_allowed(request.listen, request.key)


@asynccontextmanager
async def listening(
    request: GatewayRequest, triton: TritonOptions, observe: Observer = unobserved
) -> "AsyncIterator[Gateway]":
    """A gateway that listens meanwhile, at its `address`.

    In front of the upstream where `request.openai` names one, else of the Triton that the options
    name, or the embedded one of their name that is up. `observe` hears of each request that ended.
    Raises `CharterError`.
    """
    from charter_engine.gateway.opening import openai_gateway

    require_allowed(request)
    if request.openai is not None:
        async with openai_gateway(request.openai, request, observe) as gateway:
            yield gateway
        return
    async with _before_triton(request, triton, observe) as gateway:
        yield gateway


@asynccontextmanager
async def before_deployment(
    request: GatewayRequest, deployment: "Deployment", observe: Observer = unobserved
) -> "AsyncIterator[Gateway]":
    """A gateway in front of a deployment that is open, and whose client may be made anew meanwhile.
    Raises `CharterError`."""
    from charter_engine.gateway.finding import find_model
    from charter_engine.gateway.reached import OpenTriton

    require_allowed(request)
    model = await find_model(deployment.client, deployment.options, request.context)
    async with _before(request, OpenTriton(lambda: deployment.client, model), observe) as gateway:
        yield gateway


@asynccontextmanager
async def _before_triton(
    request: GatewayRequest, triton: TritonOptions, observe: Observer
) -> "AsyncIterator[Gateway]":
    from charter_engine.gateway.reached import LocatedTriton

    async with (
        LocatedTriton(triton, request.context) as reached,
        _before(request, reached, observe) as gateway,
    ):
        yield gateway


@asynccontextmanager
async def _before(
    request: GatewayRequest, triton: "ReachedTriton", observe: Observer
) -> "AsyncIterator[Gateway]":
    from charter_engine.gateway.opening import model_gateway
    from charter_engine.gateway.triton_backend import TritonBackend

    backend = TritonBackend(triton)
    async with model_gateway(request, backend, lambda: triton.model, observe) as gateway:
        yield gateway
