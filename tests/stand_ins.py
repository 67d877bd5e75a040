"""Servers of OpenAI's shape that compute nothing and count as the real ones do.

Prompts are tokenised by the embedded engine's tokenizer and reused by whole blocks, so that what a
server tells of a request is what its prefix cache would make of it. Answers are words of the
prompt's own. As a program: `python -m tests.stand_ins vllm 8000`.
"""

import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from charter_engine.embedded.engine.tokenizer import tokenizer_path
from charter_engine.gateway.asking import Chat
from charter_engine.gateway.model import read_model
from charter_engine.gateway.openai_chat import OpenAiChat

BLOCK, BLOCKS = 16, 512
ANSWER_TOKENS = 12


class CountingServer:
    """A prefix cache without bound, and what it counted. `tells_cached` False: as a vLLM without
    `--enable-prompt-tokens-details`. `root` is where it says that its model lies."""

    kind = ""

    def __init__(self, *, tells_cached: bool = True, key: str = "", root: str = "") -> None:
        self.tells_cached = tells_cached
        self.key = key
        self.root = root or str(tokenizer_path().parent)
        self.bodies: list[dict[str, Any]] = []
        self.prompt_tokens = 0
        self.cached_tokens = 0
        self.model = read_model(tokenizer_path(), None)
        self.released: list[tuple[int, int]] = []
        self._blocks: set[tuple[int, ...]] = set()

    def app(self) -> web.Application:
        app = web.Application()
        for (method, path), answer in self.routes().items():
            app.router.add_route(method, path, self._guarded(answer))
        return app

    def routes(self) -> dict[tuple[str, str], Callable[[web.Request], Any]]:
        return {
            ("GET", "/v1/models"): self._models,
            ("GET", "/health"): self._health,
            ("POST", "/v1/chat/completions"): self._chat,
            ("POST", "/v1/completions"): self._completions,
        }

    def admitted(self, ids: Sequence[int]) -> int:
        """The tokens of a prompt that were there, by whole blocks and never all of it."""
        whole = [tuple(ids[: end + BLOCK]) for end in range(0, len(ids) - BLOCK + 1, BLOCK)]
        found = 0
        for prefix in whole:
            if prefix not in self._blocks or len(prefix) == len(ids):
                break
            found = len(prefix)
        self._blocks.update(whole)
        self.prompt_tokens += len(ids)
        self.cached_tokens += found
        return found

    def forget(self, ids: Sequence[int], keep: int) -> None:
        """Drop the blocks of a prompt that have a token behind so many leading ones."""
        for end in range(BLOCK, len(ids) + 1, BLOCK):
            if end > keep:
                self._blocks.discard(tuple(ids[:end]))

    @property
    def used_blocks(self) -> int:
        return min(BLOCKS, len(self._blocks))

    def _guarded(self, answer: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def guarded(request: web.Request) -> web.StreamResponse:
            if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
                return web.json_response({"error": "wrong key"}, status=401)
            found: web.StreamResponse = await answer(request)
            return found

        return guarded

    async def _models(self, _: web.Request) -> web.Response:
        model = {"id": "stand-in", "object": "model", "owned_by": self.kind, "root": self.root}
        return web.json_response({"object": "list", "data": [model]})

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        prompt = OpenAiChat().read(raw).prompt
        assert isinstance(prompt, Chat)
        assert self.model.tokenizer is not None
        ids = self.model.tokenizer.encode(self.model.rendered(prompt))[0]
        return await self._answered(request, json.loads(raw), ids, "chat.completion")

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        assert self.model.tokenizer is not None
        prompt = body["prompt"]
        ids = prompt if isinstance(prompt, list) else self.model.tokenizer.encode(prompt)[0]
        return await self._answered(request, body, ids, "text_completion")

    async def _answered(
        self, request: web.Request, body: dict[str, Any], ids: Sequence[int], name: str
    ) -> web.StreamResponse:
        self.bodies.append(body)
        assert self.model.tokenizer is not None
        cached = self.admitted(ids)
        output = list(ids[: min(ANSWER_TOKENS, body.get("max_tokens") or ANSWER_TOKENS)])
        text = self.model.tokenizer.decode(output)
        usage = {
            "prompt_tokens": len(ids),
            "completion_tokens": len(output),
            "prompt_tokens_details": {"cached_tokens": cached} if self.tells_cached else None,
        }
        part = "delta" if body.get("stream") else "message"
        choice: dict[str, Any] = {"index": 0, "finish_reason": "length"}
        choice |= (
            {part: {"role": "assistant", "content": text}}
            if name == "chat.completion"
            else {"text": text, "token_ids": output}
        )
        if not body.get("stream"):
            return web.json_response({"object": name, "choices": [choice], "usage": usage})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in ({"choices": [choice]}, {"choices": [], "usage": usage}):
            await response.write(f"data: {json.dumps(event)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response


class VllmStandIn(CountingServer):
    """vLLM 0.32. Without `shows_metrics` as with `--disable-log-stats`."""

    kind = "vllm"

    def __init__(self, *, shows_metrics: bool = True, version: str = "0.32.0", **told: Any) -> None:
        super().__init__(**told)
        self.shows_metrics = shows_metrics
        self.version = version

    def routes(self) -> dict[tuple[str, str], Callable[[web.Request], Any]]:
        return super().routes() | {
            ("GET", "/version"): self._version,
            ("GET", "/metrics"): self._metrics,
        }

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"version": self.version})

    async def _metrics(self, _: web.Request) -> web.Response:
        if not self.shows_metrics:
            return web.Response(text="")
        of = 'engine="0",model_name="stand-in"'
        return web.Response(
            text=f"vllm:num_requests_running{{{of}}} 0\nvllm:num_requests_waiting{{{of}}} 0\n"
            f"vllm:kv_cache_usage_perc{{{of}}} {self.used_blocks / BLOCKS}\n"
            f"vllm:prefix_cache_queries_total{{{of}}} {self.prompt_tokens}\n"
            f"vllm:prefix_cache_hits_total{{{of}}} {self.cached_tokens}\n"
            f'vllm:cache_config_info{{{of},block_size="{BLOCK}",enable_prefix_caching="True",'
            f'num_gpu_blocks="{BLOCKS}"}} 1\n'
        )


class SglangStandIn(CountingServer):
    """SGLang 0.5.23."""

    kind = "sglang"

    def routes(self) -> dict[tuple[str, str], Callable[[web.Request], Any]]:
        return super().routes() | {
            ("GET", "/server_info"): self._info,
            ("GET", "/metrics"): self._metrics,
            ("POST", "/generate"): self._generate,
        }

    async def _info(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "tokenizer_path": str(tokenizer_path().parent),
                "page_size": BLOCK,
                "radix_eviction_policy": "lru",
                "disable_radix_cache": False,
                "max_total_num_tokens": BLOCK * BLOCKS,
                "version": "0.5.23",
            }
        )

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(
            text=f"sglang:prompt_tokens_total {self.prompt_tokens}\n"
            f"sglang:cached_tokens_total {self.cached_tokens}\n"
            f"sglang:num_used_tokens {self.used_blocks * BLOCK}\n"
        )

    async def _generate(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        ids = body["input_ids"]
        cached = self.admitted(ids)
        output = ids[: min(ANSWER_TOKENS, body["sampling_params"]["max_new_tokens"])]
        told = {
            "prompt_tokens": len(ids),
            "completion_tokens": len(output),
            "cached_tokens": cached,
        }
        whole = {"text": "", "output_ids": output, "meta_info": told}
        if not body.get("stream"):
            return web.json_response(whole)
        first = {"text": None, "output_ids": output[:1], "meta_info": told}
        events = "".join(f"data: {json.dumps(event)}\n\n" for event in (first, whole))
        return web.Response(text=f"{events}data: [DONE]\n\n", content_type="text/event-stream")


class TrtllmServeStandIn(CountingServer):
    """trtllm-serve 1.3 with `return_perf_metrics`."""

    kind = "tensorrt_llm"

    def routes(self) -> dict[tuple[str, str], Callable[[web.Request], Any]]:
        return super().routes() | {
            ("GET", "/version"): self._version,
            ("GET", "/prometheus/metrics"): self._metrics,
            ("POST", "/_control/kv_cache/truncate_tokens"): self._truncate,
        }

    async def _version(self, _: web.Request) -> web.Response:
        return web.json_response({"version": "1.3.0"})

    async def _truncate(self, request: web.Request) -> web.Response:
        body = await request.json()
        if "prefixes" not in body:
            return web.json_response({"error": "prefixes: Field required"}, status=400)
        for prefix, keep in zip(body["prefixes"], body["num_tokens_to_keep"], strict=True):
            self.released.append((len(prefix), keep))
            self.forget(prefix, keep)
        return web.Response()

    async def _metrics(self, _: web.Request) -> web.Response:
        reused = self.cached_tokens // BLOCK
        missed = -(-self.prompt_tokens // BLOCK) - reused
        return web.Response(
            text=f"trtllm_kv_cache_reused_blocks_total {reused}\n"
            f"trtllm_kv_cache_missed_blocks_total {missed}\n"
            f"trtllm_kv_cache_max_blocks {BLOCKS}\n"
            f"trtllm_kv_cache_free_blocks {BLOCKS - self.used_blocks}\n"
            f"trtllm_kv_cache_used_blocks {self.used_blocks}\n"
            f"trtllm_kv_cache_tokens_per_block {BLOCK}\n"
        )


STAND_INS = {"vllm": VllmStandIn, "sglang": SglangStandIn, "trtllm-serve": TrtllmServeStandIn}


@asynccontextmanager
async def standing_in(stand_in: CountingServer) -> AsyncIterator[str]:
    """The URL at which it answers meanwhile."""
    async with TestServer(stand_in.app()) as server:
        yield str(server.make_url("")).rstrip("/")


if __name__ == "__main__":
    web.run_app(STAND_INS[sys.argv[1]]().app(), host="127.0.0.1", port=int(sys.argv[2]))
