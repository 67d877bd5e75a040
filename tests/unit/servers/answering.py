"""Servers that answer by HTTP as vLLM, SGLang and trtllm-serve do, in the shapes that were
recorded."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from charter_engine.servers.http import ServerHttp

Answer = object | Callable[[Mapping[str, Any]], Any]
"""What a route answers: JSON, text, a status, or a function of the body that is sent."""
Routes = dict[str, Answer]

VLLM_METRICS = """\
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="m"} 2.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="m"} 1.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="m"} 390.0
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0",model_name="m"} 128.0
# TYPE vllm:num_preemptions_total counter
vllm:num_preemptions_total{engine="0",model_name="m"} 0.0
# TYPE vllm:cache_config_info gauge
vllm:cache_config_info{block_size="32",cache_dtype="auto",effective_attention_block_size="32",\
enable_prefix_caching="True",engine="0",kv_cache_memory_bytes="1073741824",\
kv_offloading_size="None",num_gpu_blocks="200"} 1.0
"""


def served_by(owner: str, name: str = "m") -> dict[str, Any]:
    """The list of models of a server that says it is this owner's."""
    return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": owner}]}


def vllm(**changed: Answer) -> Routes:
    """vLLM 0.32, as it answered."""
    return {
        "/v1/models": served_by("vllm"),
        "/version": {"version": "0.32.0"},
        "/metrics": VLLM_METRICS,
        "/kv_event_sources": {"0": {"enable_kv_cache_events": True, "endpoint": "tcp://*:5557"}},
        "/v1/completions": completion(96),
        **_as_paths(changed),
    }


def sglang(info: Mapping[str, Any] | None = None, **changed: Answer) -> Routes:
    """SGLang 0.5.23, started with `info`."""
    started = {
        "model_path": "/models/m",
        "tokenizer_path": "/models/m",
        "page_size": 16,
        "disable_radix_cache": False,
        "radix_eviction_policy": "lru",
        "max_total_num_tokens": 32_000,
        "version": "0.5.23",
    }
    return {
        "/v1/models": served_by("sglang"),
        "/server_info": {**started, **(info or {})},
        "/metrics": (
            "# TYPE sglang:prompt_tokens_total counter\nsglang:prompt_tokens_total 400\n"
            "# TYPE sglang:cached_tokens_total counter\nsglang:cached_tokens_total 100\n"
            "# TYPE sglang:num_used_tokens gauge\nsglang:num_used_tokens 160\n"
        ),
        "/generate": {
            "text": " a b",
            "output_ids": [7, 8],
            "meta_info": {"prompt_tokens": 97, "completion_tokens": 1, "cached_tokens": 96},
        },
        **_as_paths(changed),
    }


def trtllm_serve(version: str = "1.3.0", **changed: Answer) -> Routes:
    """trtllm-serve with `return_perf_metrics`."""
    return {
        "/v1/models": served_by("tensorrt_llm", "Llama-3.1-8B-Instruct"),
        "/version": {"version": version},
        "/prometheus/metrics": (
            "# TYPE trtllm_kv_cache_hit_rate gauge\ntrtllm_kv_cache_hit_rate 0.5\n"
            "# TYPE trtllm_kv_cache_reused_blocks_total counter\n"
            "trtllm_kv_cache_reused_blocks_total 30\n"
            "# TYPE trtllm_kv_cache_missed_blocks_total counter\n"
            "trtllm_kv_cache_missed_blocks_total 30\n"
            "trtllm_kv_cache_max_blocks 1000\ntrtllm_kv_cache_free_blocks 900\n"
            "trtllm_kv_cache_used_blocks 100\ntrtllm_kv_cache_tokens_per_block 32\n"
        ),
        "/v1/completions": completion(96),
        **_as_paths(changed),
    }


ITERATIONS = [
    {
        "iter": 4,
        "numActiveRequests": 1,
        "kvCacheStats": {
            "maxNumBlocks": 500,
            "freeNumBlocks": 499,
            "usedNumBlocks": 1,
            "tokensPerBlock": 64,
            "reusedBlocks": 3,
            "missedBlocks": 9,
            "cacheHitRate": 0.25,
        },
    }
]
"""What trtllm-serve's `/metrics` gives, once."""


def completion(cached: int | None) -> Callable[[Mapping[str, Any]], web.Response]:
    """A streamed answer of two tokens; None: without details of its usage."""
    details = None if cached is None else {"cached_tokens": cached}
    pieces = [
        {"choices": [{"index": 0, "text": " a", "token_ids": [7]}]},
        {"choices": [{"index": 0, "text": " b", "token_ids": [8], "finish_reason": "length"}]},
        {
            "choices": [],
            "usage": {
                "prompt_tokens": 97,
                "completion_tokens": 2,
                "prompt_tokens_details": details,
            },
        },
    ]
    lines = [f"data: {json.dumps(piece)}\n\n" for piece in pieces]
    text = "".join([*lines, "data: [DONE]\n\n"])

    def answer(_: Mapping[str, Any]) -> web.Response:
        return web.Response(text=text, content_type="text/event-stream")

    return answer


class Answering:
    """A server that answers by routes and keeps what it was asked: paths, bodies and keys."""

    def __init__(self, routes: Routes) -> None:
        self.routes = routes
        self.asked: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        self.keys.append(request.headers.get("Authorization", ""))
        body = await request.json() if request.can_read_body else {}
        if body:
            self.bodies.append(body)
        answer = self.routes.get(request.path, 404)
        answer = answer(body) if callable(answer) else answer
        match answer:
            case int():
                return web.json_response({"detail": "Not Found"}, status=answer)
            case web.Response():
                return answer
            case str():
                return web.Response(text=answer)
            case _:
                return web.json_response(answer)


@asynccontextmanager
async def answering(routes: Routes) -> AsyncIterator[tuple[Answering, str]]:
    """A server with these routes, and its URL."""
    app, told = web.Application(), Answering(routes)
    app.router.add_route("*", "/{path:.*}", told.handle)
    async with TestServer(app) as server:
        yield told, str(server.make_url("")).rstrip("/")


@contextmanager
def answering_apart(routes: Routes) -> Iterator[str]:
    """The URL of a server with these routes whose event loop is a thread of its own: for what runs
    a loop itself."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = answering(routes)
    try:
        yield asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()[1]
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@asynccontextmanager
async def asked(routes: Routes) -> AsyncIterator[tuple[Answering, ServerHttp]]:
    """A server with these routes, and HTTP with it."""
    async with answering(routes) as (told, url), ServerHttp(url) as http:
        yield told, http


def refusing(
    field: str, otherwise: Callable[[Mapping[str, Any]], web.Response]
) -> Callable[[Mapping[str, Any]], Any]:
    """Refuses bodies with a field, as servers that know their fields do."""

    def answer(body: Mapping[str, Any]) -> Any:
        if field in body:
            return web.json_response(
                {"error": {"message": f"{field}: Extra inputs are not permitted"}}, status=422
            )
        return otherwise(body)

    return answer


def _as_paths(changed: Mapping[str, Answer]) -> Routes:
    """`v1__models` is `/v1/models`."""
    return {f"/{name.replace('__', '/')}": answer for name, answer in changed.items()}
