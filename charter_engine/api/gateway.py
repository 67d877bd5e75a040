"""OpenAI's and Anthropic's HTTP in front of a server, for as long as it is wanted."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from charter_engine.contracts.connection import TritonOptions
from charter_engine.contracts.deploying import PushRequest
from charter_engine.contracts.gateway import GatewayExchange, GatewayRequest, Observer
from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import Plan
from charter_engine.errors import CharterError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from charter_engine.gateway.dialect import Dialect
    from charter_engine.gateway.message_layout import MessageLayout
    from charter_engine.gateway.opening import RoutedTo
    from charter_engine.gateway.reached import ReachedTriton
    from charter_engine.gateway.server import Gateway
    from charter_engine.servers.deployment import Deployment


log = logging.getLogger(__name__)


def unobserved(_: GatewayExchange) -> None:
    """Nobody listens."""


def notice_of(request: GatewayRequest) -> str:
    """What an operator must know of what it sends; empty where there is nothing."""
    from charter_engine.plan.diff import OUTPUTS_MAY_DIFFER

    return OUTPUTS_MAY_DIFFER if request.plan else ""


def require_allowed(request: GatewayRequest) -> None:
    """Raises `UsageError` for an address that no gateway may listen on."""
    from charter_engine.gateway import admission

    admission.require_allowed(request.listen, request.key)


@asynccontextmanager
async def listening(
    request: GatewayRequest, tritons: Sequence[TritonOptions], observe: Observer = unobserved
) -> "AsyncIterator[Gateway]":
    """A gateway that listens meanwhile, at its `address`.

    In front of the upstreams where `request.openai` names any, else of the Tritons that the options
    name, or the embedded one of their name that is up. Requests are routed where there are several.
    `observe` hears of each request that ended. Raises `CharterError`.
    """
    from charter_engine.gateway.opening import openai_gateway

    require_allowed(request)
    if request.openai:
        layout = await asyncio.to_thread(layout_of, request.plan, request.agent)
        opened = openai_gateway(request, observe, layout)
    else:
        opened = _before_tritons(request, tritons, observe)
    async with opened as gateway:
        yield gateway


def layout_of(plan: str, agent: str | None) -> "MessageLayout | None":
    """What lays prompts out on their way to an upstream, by a plan file; None without one. Raises
    `UsageError`, also for a plan that has no layout for traffic."""
    if not plan:
        return None
    from charter_engine.api.deploying import read_to_push
    from charter_engine.plan.diff import lays_out_traffic

    read = read_to_push(PushRequest(plan=plan, agent=agent))
    if not lays_out_traffic(read.plan):
        raise UsageError(
            f"{plan}: none of its layouts is for what programs send",
            remedy="say apply: traffic for a node that has a layout",
        )
    return message_layout(read.plan, read.calls)


def message_layout(plan: Plan, calls: Sequence[Call]) -> "MessageLayout":
    """What lays prompts out by a plan, and tells them apart by its calls. Raises `CharterError`
    where plan and calls do not belong together."""
    from charter_engine.bls.plan import parse_plan
    from charter_engine.gateway.message_layout import MessageLayout
    from charter_engine.triton.bls_plan import compile_bls_plan

    return MessageLayout(parse_plan(compile_bls_plan(plan, calls, 0)))


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
async def _before_tritons(
    request: GatewayRequest, tritons: Sequence[TritonOptions], observe: Observer
) -> "AsyncIterator[Gateway]":
    from charter_engine.gateway.opening import dialects, routed_gateway
    from charter_engine.gateway.reached import LocatedTriton

    async with AsyncExitStack() as stack:
        reached: dict[TritonOptions, LocatedTriton] = {}
        failures: dict[TritonOptions, CharterError] = {}
        for options in tritons:
            try:
                located = LocatedTriton(options, request.context)
                reached[options] = await stack.enter_async_context(located)
            except CharterError as error:
                failures[options] = error
        if not reached:
            raise next(iter(failures.values()))
        alike = next(iter(reached.values())).model
        for options, failure in failures.items():
            log.warning("%s is left out until it answers: %s", options.called, failure.message)
            later = LocatedTriton(options, request.context, alike)
            reached[options] = await stack.enter_async_context(later)
        spoken = dialects()
        servers = [
            _routed_to(request, reached[options], options.called, spoken) for options in tritons
        ]
        yield await stack.enter_async_context(routed_gateway(request, servers, observe))


def _routed_to(
    request: GatewayRequest, triton: "ReachedTriton", name: str, spoken: "Mapping[str, Dialect]"
) -> "RoutedTo":
    from charter_engine.gateway.opening import RoutedTo, model_responders
    from charter_engine.gateway.triton_backend import TritonBackend

    return RoutedTo(
        name,
        model_responders(request, TritonBackend(triton), lambda: triton.model, spoken),
        triton.is_ready,
    )


@asynccontextmanager
async def _before(
    request: GatewayRequest, triton: "ReachedTriton", observe: Observer
) -> "AsyncIterator[Gateway]":
    from charter_engine.gateway.opening import model_gateway
    from charter_engine.gateway.triton_backend import TritonBackend

    backend = TritonBackend(triton)
    async with model_gateway(request, backend, lambda: triton.model, observe) as gateway:
        yield gateway
