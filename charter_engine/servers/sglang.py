"""SGLang: what it is, what it counts, and where its levers end.

Read from SGLang 0.5.23. What it was started with stands at `/server_info`, counters on its metrics
page where that is on.
"""

import time
from collections.abc import Mapping
from typing import Any, Final

from charter_engine.contracts.live import KvPool
from charter_engine.contracts.server import (
    CacheTier,
    HiddenFigures,
    ServerCounters,
    ServerKind,
    ServerLever,
    ServerProfile,
)
from charter_engine.servers.completions import refusal
from charter_engine.servers.http import ServerHttp
from charter_engine.servers.levers import LAYOUT, acting, idle
from charter_engine.servers.metric_page import MetricPage
from charter_engine.servers.models import first_model
from charter_engine.servers.protocol import TokenAnswer, TokenRequest
from charter_engine.servers.versions import notes_on

INFO_PATHS = ("/server_info", "/get_server_info")
"""Today's name and the older one."""
GENERATE_PATH = "/generate"
PREFIX = "sglang:"
BY_PRIORITY = "--radix-eviction-policy priority"
Info = Mapping[str, Any]


class SglangServer:
    """An SGLang by its own routes."""

    kind: Final[ServerKind] = "sglang"

    def __init__(self, http: ServerHttp) -> None:
        self._http = http
        self._info: Info = {}

    async def profile(self) -> ServerProfile:
        """As the protocol says."""
        served = await first_model(self._http, self.kind)
        info = self._info = await self._ask_info()
        page = await self._page()
        version = str(info.get("version", ""))
        return ServerProfile(
            kind=self.kind,
            address=self._http.url,
            version=version,
            model=served.id,
            tokenizer=str(info.get("tokenizer_path") or served.root),
            tokens_per_block=_page_size(info),
            tiers=_tiers(info),
            manager="SGLang",
            manager_evidence=INFO_PATHS[0],
            rules="sglang" if _policy(info) == "lru" else None,
            rules_evidence=f"its radix cache, evicting by {_policy(info)}",
            levers=levers_of(info),
            counters=counters_of(page, info),
            request_counters=("prompt tokens", "cached tokens"),
            hidden=_hidden(page, info),
            notes=notes_on(self.kind, version),
        )

    async def counters(self) -> ServerCounters:
        """As the protocol says."""
        return counters_of(await self._page(), self._info or await self._ask_info())

    async def complete(self, request: TokenRequest) -> TokenAnswer:
        """As the protocol says. A priority is sent only where eviction heeds it."""
        self._info = self._info or await self._ask_info()
        body: dict[str, Any] = {
            "input_ids": list(request.token_ids),
            "sampling_params": {"max_new_tokens": request.max_tokens, "temperature": 0.0},
        }
        if request.priority is not None and _policy(self._info) == "priority":
            body["priority"] = request.priority
        began = time.perf_counter()
        reply = await self._http.post(GENERATE_PATH, body)
        if not reply.ok:
            raise refusal(reply, self._http.url + GENERATE_PATH, self.kind)
        document = reply.document()
        told = document.get("meta_info") or {}
        cached = told.get("cached_tokens")
        return TokenAnswer(
            text=str(document.get("text", "")),
            output_ids=tuple(document.get("output_ids") or ()),
            prompt_tokens=told.get("prompt_tokens"),
            reused_tokens=cached,
            reuse=None if cached is None else "measured",
            latency_ms=(time.perf_counter() - began) * 1000,
        )

    async def _ask_info(self) -> Info:
        for path in INFO_PATHS:
            reply = await self._http.get(path)
            if reply.ok:
                return reply.document()
        return {}

    async def _page(self) -> MetricPage:
        reply = await self._http.get("/metrics")
        return MetricPage.read(reply.text if reply.ok else "", (PREFIX,))


def counters_of(page: MetricPage, info: Info) -> ServerCounters:
    """What a metrics page of SGLang's says."""
    prompt, cached = page.whole("prompt_tokens"), page.whole("cached_tokens")
    return ServerCounters(
        prompt_tokens=prompt,
        reused_tokens=cached,
        hit_rate=cached / prompt if prompt and cached is not None else None,
        evicted_tokens=page.whole("evicted_tokens"),
        running=page.whole("num_running_reqs"),
        waiting=page.whole("num_queue_reqs"),
        pool=_pool(page, info),
        reuse=None if cached is None else "measured",
    )


def levers_of(info: Info) -> tuple[ServerLever, ...]:
    """By what SGLang was started with."""
    off = bool(info.get("disable_radix_cache"))
    by_priority = _policy(info) == "priority"
    return (
        LAYOUT,
        idle("reuse", "the radix cache is off", "without --disable-radix-cache")
        if off
        else acting("reuse", "--disable-radix-cache"),
        acting("retention", "the request's priority", "request")
        if by_priority and not off
        else idle(
            "retention",
            f"it evicts by {_policy(info)}, which heeds no priority of a request",
            BY_PRIORITY,
        ),
        acting("block size", "--page-size"),
        acting("pool", "--mem-fraction-static, --max-total-tokens"),
        acting("host tier", "--enable-hierarchical-cache"),
        idle("cache salt", "no salt of SGLang's is known to Charter"),
        idle(
            "release",
            "nothing drops one prefix; POST /flush_cache drops all",
            "--enable-session-radix-cache keeps those of open sessions",
        ),
    )


def _policy(info: Info) -> str:
    return str(info.get("radix_eviction_policy") or "lru")


def _page_size(info: Info) -> int:
    """SGLang's own default is 1."""
    value = info.get("page_size")
    return value if isinstance(value, int) and value > 0 else 1


def _pool(page: MetricPage, info: Info) -> KvPool | None:
    tokens, size = info.get("max_total_num_tokens"), _page_size(info)
    if not isinstance(tokens, int):
        return None
    used = page.whole("num_used_tokens") or 0
    return KvPool(
        max_blocks=tokens // size,
        free_blocks=(tokens - used) // size,
        used_blocks=-(-used // size),
        tokens_per_block=size,
    )


def _tiers(info: Info) -> tuple[CacheTier, ...]:
    tokens = info.get("max_total_num_tokens")
    gpu = CacheTier(
        name="gpu", blocks=tokens // _page_size(info) if isinstance(tokens, int) else None
    )
    return (gpu, CacheTier(name="host")) if info.get("enable_hierarchical_cache") else (gpu,)


def _hidden(page: MetricPage, info: Info) -> tuple[HiddenFigures, ...]:
    found = []
    if not page.samples:
        found.append(HiddenFigures(figures="all counters", option="--enable-metrics"))
    if not info.get("enable_cache_report"):
        found.append(
            HiddenFigures(
                figures="cached tokens in answers of OpenAI's shape", option="--enable-cache-report"
            )
        )
    if not info.get("kv_events_config"):
        found.append(
            HiddenFigures(
                figures="the map of the cache",
                option='--kv-events-config \'{"publisher": "zmq"}\'',
            )
        )
    return tuple(found)
