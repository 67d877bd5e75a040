"""Which of the five kinds answers at an address: told by what it says of itself."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from charter_engine.contracts.connection import TritonOptions, is_address
from charter_engine.contracts.server import ProfileRequest, ServerKind
from charter_engine.errors import UsageError
from charter_engine.servers import sglang
from charter_engine.servers.attaching import attached
from charter_engine.servers.http import NotHttp, ServerHttp
from charter_engine.servers.models import KIND_OF_OWNER, SERVED_PATH, models_in
from charter_engine.servers.protocol import InferenceServer
from charter_engine.servers.sglang import SglangServer
from charter_engine.servers.tensorrt_llm import read_configuration
from charter_engine.servers.triton_server import TritonServer
from charter_engine.servers.trtllm_serve import TrtllmServe
from charter_engine.servers.vllm import VllmServer

TRITON_HTTP_PATH = "/v2"
FIVE = "it is none of the five: Triton, trtllm-serve, vLLM, SGLang"


@contextlib.asynccontextmanager
async def server_at(
    request: ProfileRequest, triton: TritonOptions
) -> AsyncIterator[InferenceServer]:
    """The server that a request names, or the Triton of the options where it names none.

    A URL is asked by HTTP; HOST:PORT too, and where that is not spoken there, as a Triton's gRPC
    port. Raises `CharterError`: `usage` for what is no address or none of the five kinds.
    """
    configuration = (
        read_configuration(Path(request.configuration)) if request.configuration else None
    )
    if request.address is None:
        async with _triton(triton, configuration) as server:
            yield server
        return
    async with contextlib.AsyncExitStack() as stack:
        yield await _found(request, triton, configuration, stack)


async def _found(
    request: ProfileRequest,
    triton: TritonOptions,
    configuration: Mapping[str, Any] | None,
    stack: contextlib.AsyncExitStack,
) -> InferenceServer:
    address = request.address or ""
    http = await stack.enter_async_context(
        ServerHttp(url_of(address, tls=request.tls), request.key, request.root_certificates)
    )
    try:
        return await server_behind(http, configuration, drains=request.drain)
    except NotHttp:
        if not is_address(address):
            raise
        await stack.aclose()
        return await stack.enter_async_context(_triton(replace(triton, url=address), configuration))


async def server_behind(
    http: ServerHttp, configuration: Mapping[str, Any] | None = None, *, drains: bool = False
) -> InferenceServer:
    """The server that answers by HTTP. `configuration` and `drains` are as for `TrtllmServe`.
    Raises as `kind_of` does."""
    match await kind_of(http):
        case "vllm":
            return VllmServer(http)
        case "sglang":
            return SglangServer(http)
        case _:
            return TrtllmServe(http, configuration, drains=drains)


def url_of(address: str, *, tls: bool = False) -> str:
    """The URL of an address. Raises `UsageError` for what is none."""
    if is_address(address):
        return f"{'https' if tls else 'http'}://{address}"
    try:
        parts = urlsplit(address)
        known = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        known = False
    if not known:
        raise UsageError(
            f"{address}: neither a URL nor HOST:PORT",
            remedy="http://HOST:PORT, https://HOST, or a Triton's gRPC port as HOST:PORT",
        )
    if parts.username or parts.password:
        raise UsageError(
            f"{parts.scheme}://{parts.hostname}: credentials in a URL are seen by every user",
            remedy="--key env:VARIABLE, @FILE or keyring:SERVICE/USER",
        )
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


async def kind_of(http: ServerHttp) -> ServerKind:
    """What answers by HTTP. Raises `NotHttp`, and `CharterError` for what is none of the five."""
    served = await http.get(SERVED_PATH)
    for model in models_in(served):
        if model.owned_by in KIND_OF_OWNER:
            return KIND_OF_OWNER[model.owned_by]
    for path in sglang.INFO_PATHS:
        said = (await http.get(path)).document()
        if "radix_eviction_policy" in said or "disable_radix_cache" in said:
            return "sglang"
        if "disaggregated_params" in said:
            return "trtllm-serve"
    if (await http.get(TRITON_HTTP_PATH)).document().get("name") == "triton":
        raise UsageError(
            f"{http.url} is Triton's HTTP port",
            remedy="give its gRPC port as HOST:PORT; it is 8001 unless it was changed",
        )
    models = models_in(served)
    who = f"lists a model of {models[0].owned_by!r}" if models else f"answers {served.status}"
    raise UsageError(f"{http.url}{SERVED_PATH} {who}: {FIVE}", remedy="give the server's own port")


@contextlib.asynccontextmanager
async def _triton(
    options: TritonOptions, configuration: Mapping[str, Any] | None
) -> AsyncIterator[InferenceServer]:
    async with attached(options) as deployer:
        yield TritonServer(deployer, configuration)
