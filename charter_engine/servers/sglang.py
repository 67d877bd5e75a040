"""SGLang: what it is, what it counts, and where its levers end.

Read from SGLang 0.5.23. What it was started with stands at `/server_info`, counters on its metrics
page where that is on.
"""

import time
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from charter_engine.contracts.live import KvPool, ServerCounters
from charter_engine.contracts.server import (
    CacheTier,
    EventEndpoint,
    HiddenFigures,
    ServerKind,
    ServerLever,
    ServerProfile,
)
from charter_engine.servers.completions import refusal
from charter_engine.servers.event_endpoints import ranked
from charter_engine.servers.http import UNREADABLE, ServerHttp
from charter_engine.servers.levers import LAYOUT, acting, idle, nothing_released
from charter_engine.servers.metric_page import MetricPage
from charter_engine.servers.models import first_model
from charter_engine.servers.protocol import TokenAnswer, TokenRequest
from charter_engine.servers.versions import notes_on

INFO_PATHS = ("/server_info", "/get_server_info")
"""Today's name and the older one."""
GENERATE_PATH = "/generate"
PREFIX = "sglang:"
CACHED_OPTION = "--enable-cache-report"
BY_PRIORITY = "--radix-eviction-policy priority"


class SglangInfo(Struct, frozen=True):
    """What SGLang was started with, and what came of it."""

    version: str = ""
    tokenizer_path: str | None = None
    page_size: int | None = None
    radix_eviction_policy: str | None = None
    disable_radix_cache: bool = False
    enable_hierarchical_cache: bool = False
    enable_cache_report: bool = False
    kv_events_config: str | dict[str, Any] | None = None
    max_total_num_tokens: int | None = None
    dp_size: int | None = None

    @property
    def event_endpoints(self) -> tuple[EventEndpoint, ...]:
        """Where its ranks publish KV events; none where it was not told to, or nobody
        understands how."""
        given = self.kv_events_config
        try:
            config = (
                msgspec.json.decode(given, type=EventsConfig)
                if isinstance(given, str)
                else msgspec.convert(given or {}, EventsConfig)
            )
        except UNREADABLE:
            return ()
        if config.publisher != "zmq":
            return ()
        return ranked(config.endpoint, config.replay_endpoint or "", max(1, self.dp_size or 1))

    @property
    def policy(self) -> str:
        """What it evicts by."""
        return self.radix_eviction_policy or "lru"

    @property
    def tokens_per_page(self) -> int:
        """SGLang's own default is 1."""
        return max(1, self.page_size or 1)


class EventsConfig(Struct, frozen=True):
    """`--kv-events-config`, with SGLang's defaults."""

    publisher: str = "null"
    endpoint: str = "tcp://*:5557"
    replay_endpoint: str | None = None


class AnswerMeta(Struct, frozen=True):
    """What it counted of a request."""

    prompt_tokens: int | None = None
    cached_tokens: int | None = None


class SglangAnswer(Struct, frozen=True):
    """What `/generate` answers."""

    text: str = ""
    output_ids: tuple[int, ...] = ()
    meta_info: AnswerMeta = AnswerMeta()


class SglangServer:
    """An SGLang by its own routes."""

    kind: Final[ServerKind] = "sglang"
    cached_option = CACHED_OPTION

    def __init__(self, http: ServerHttp) -> None:
        self._http = http
        self._info: SglangInfo | None = None

    async def profile(self) -> ServerProfile:
        """As the protocol says."""
        served = await first_model(self._http, self.kind)
        info = self._info = await self._ask_info()
        page = await self._http.metrics(PREFIX)
        return ServerProfile(
            kind=self.kind,
            address=self._http.url,
            version=info.version,
            model=served.id,
            tokenizer=info.tokenizer_path or served.root or "",
            tokens_per_block=info.tokens_per_page,
            tiers=_tiers(info),
            manager="SGLang",
            manager_evidence=INFO_PATHS[0],
            rules="sglang" if info.policy == "lru" else None,
            rules_evidence=f"its radix cache, evicting by {info.policy}",
            levers=levers_of(info),
            counters=counters_of(page, info),
            request_counters=("prompt tokens", "cached tokens"),
            hidden=_hidden(page, info),
            event_endpoints=info.event_endpoints,
            notes=notes_on(self.kind, info.version),
        )

    async def counters(self) -> ServerCounters:
        """As the protocol says."""
        return counters_of(await self._http.metrics(PREFIX), self._info or await self._ask_info())

    async def complete(self, request: TokenRequest) -> TokenAnswer:
        """As the protocol says. A priority is sent only where eviction heeds it."""
        info = self._info = self._info or await self._ask_info()
        body: dict[str, Any] = {
            "input_ids": list(request.token_ids),
            "sampling_params": {"max_new_tokens": request.max_tokens, "temperature": 0.0},
        }
        if request.priority is not None and info.policy == "priority":
            body["priority"] = request.priority
        began = time.perf_counter()
        reply = await self._http.post(GENERATE_PATH, body)
        if not reply.ok:
            raise refusal(reply, self.kind)
        answer = reply.read(SglangAnswer)
        told = answer.meta_info
        return TokenAnswer(
            text=answer.text,
            output_ids=answer.output_ids,
            prompt_tokens=told.prompt_tokens,
            reused_tokens=told.cached_tokens,
            reuse=None if told.cached_tokens is None else "measured",
            latency_ms=(time.perf_counter() - began) * 1000,
        )

    async def release(self, _token_ids: Sequence[int], _keep_tokens: int) -> None:
        """Refused, as the protocol says."""
        raise nothing_released(self.kind)

    async def _ask_info(self) -> SglangInfo:
        for path in INFO_PATHS:
            reply = await self._http.get(path)
            if reply.ok:
                return reply.read(SglangInfo)
        return SglangInfo()


def counters_of(page: MetricPage, info: SglangInfo) -> ServerCounters:
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


def levers_of(info: SglangInfo) -> tuple[ServerLever, ...]:
    """By what SGLang was started with."""
    off = info.disable_radix_cache
    by_priority = info.policy == "priority"
    return (
        LAYOUT,
        idle("reuse", "the radix cache is off", "without --disable-radix-cache")
        if off
        else acting("reuse", "--disable-radix-cache"),
        acting("retention", "the request's priority", "request")
        if by_priority and not off
        else idle(
            "retention",
            f"it evicts by {info.policy}, which heeds no priority of a request",
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


def _pool(page: MetricPage, info: SglangInfo) -> KvPool | None:
    tokens, size = info.max_total_num_tokens, info.tokens_per_page
    if tokens is None:
        return None
    used = page.whole("num_used_tokens") or 0
    return KvPool(
        max_blocks=tokens // size,
        free_blocks=(tokens - used) // size,
        used_blocks=-(-used // size),
        tokens_per_block=size,
    )


def _tiers(info: SglangInfo) -> tuple[CacheTier, ...]:
    tokens = info.max_total_num_tokens
    gpu = CacheTier(name="gpu", blocks=None if tokens is None else tokens // info.tokens_per_page)
    return (gpu, CacheTier(name="host")) if info.enable_hierarchical_cache else (gpu,)


def _hidden(page: MetricPage, info: SglangInfo) -> tuple[HiddenFigures, ...]:
    found = []
    if not page.samples:
        found.append(HiddenFigures(figures="all counters", option="--enable-metrics"))
    if not info.enable_cache_report:
        found.append(
            HiddenFigures(
                figures="cached tokens in answers of OpenAI's shape", option=CACHED_OPTION
            )
        )
    if not info.event_endpoints:
        found.append(
            HiddenFigures(
                figures="the map of the cache",
                option='--kv-events-config \'{"publisher": "zmq"}\'',
            )
        )
    return tuple(found)
