"""vLLM: what it is, what it counts, and where its levers end.

Read from vLLM 0.32. Its counters stand on its metrics page; nothing of it is drained.
"""

from collections.abc import Sequence
from typing import Any, Final

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
from charter_engine.servers.completions import Completions
from charter_engine.servers.http import ServerHttp
from charter_engine.servers.levers import LAYOUT, acting, idle, nothing_released
from charter_engine.servers.metric_page import Labels, MetricPage
from charter_engine.servers.models import SERVED_PATH, first_model, version_of
from charter_engine.servers.protocol import TokenAnswer, TokenRequest
from charter_engine.servers.versions import notes_on

PREFIX = "vllm:"
EVENTS_OPTION = '--kv-events-config \'{"enable_kv_cache_events": true, "publisher": "zmq"}\''
PER_REQUEST_OPTION = "--enable-prompt-tokens-details"
NO_RETENTION = (
    "vLLM has none: a request's priority orders scheduling alone, and kv_hints and "
    "retention_seconds are ignored without a word"
)


class EventSource(Struct, frozen=True):
    """Of `/kv_event_sources`: what an engine publishes."""

    enable_kv_cache_events: bool = False
    endpoint: str = ""
    replay_endpoint: str | None = None


Sources = dict[int, EventSource]
"""By data-parallel rank."""


class VllmServer:
    """A vLLM by its OpenAI-shaped server."""

    kind: Final[ServerKind] = "vllm"
    cached_option = PER_REQUEST_OPTION

    def __init__(self, http: ServerHttp) -> None:
        self._http = http
        self._completions = Completions(http, self.kind)
        self._model = ""

    async def profile(self) -> ServerProfile:
        """As the protocol says."""
        served = await first_model(self._http, self.kind)
        version = await version_of(self._http)
        page = await self._http.metrics(PREFIX)
        configuration = page.labels("cache_config_info")
        endpoints = await self._event_endpoints()
        counters = counters_of(page)
        self._model = served.id
        return ServerProfile(
            kind=self.kind,
            address=self._http.url,
            version=version,
            model=served.id,
            tokenizer=served.root or "",
            tokens_per_block=counters.pool.tokens_per_block if counters.pool else None,
            tiers=_tiers(configuration),
            manager="vLLM",
            manager_evidence=f"{SERVED_PATH} and its metrics",
            rules="vllm",
            rules_evidence="vLLM: whole blocks, plain LRU, unfilled blocks first",
            levers=levers_of(configuration),
            counters=counters,
            request_counters=("prompt tokens", f"cached tokens, with {PER_REQUEST_OPTION}"),
            hidden=_hidden(page, endpoints),
            event_endpoints=endpoints,
            notes=(*notes_on(self.kind, version), *_notes_on_engines(page)),
        )

    async def _event_endpoints(self) -> tuple[EventEndpoint, ...]:
        """Releases without that route tell none."""
        reply = await self._http.get("/kv_event_sources")
        sources = reply.read(Sources) if reply.ok else {}
        return tuple(
            EventEndpoint(published=source.endpoint, replayed=source.replay_endpoint or "")
            for _, source in sorted(sources.items())
            if source.enable_kv_cache_events and source.endpoint
        )

    async def counters(self) -> ServerCounters:
        """As the protocol says."""
        return counters_of(await self._http.metrics(PREFIX))

    async def complete(self, request: TokenRequest) -> TokenAnswer:
        """As the protocol says. A priority is not sent: it would do nothing to the cache."""
        if not self._model:
            self._model = (await first_model(self._http, self.kind)).id
        fields: dict[str, Any] = {"return_token_ids": True}
        if request.cache_salt:
            fields["cache_salt"] = request.cache_salt
        return await self._completions.ask(self._model, request, fields)

    async def release(self, _token_ids: Sequence[int], _keep_tokens: int) -> None:
        """Refused, as the protocol says."""
        raise nothing_released(self.kind)


def counters_of(page: MetricPage) -> ServerCounters:
    """What a metrics page of vLLM's says. Its hits and queries are tokens of the engine's whole
    life, health checks and warm-up left out."""
    queries, hits = page.whole("prefix_cache_queries"), page.whole("prefix_cache_hits")
    return ServerCounters(
        prompt_tokens=queries,
        reused_tokens=hits,
        hit_rate=hits / queries if queries and hits is not None else None,
        preemptions=page.whole("num_preemptions"),
        running=page.whole("num_requests_running"),
        waiting=page.whole("num_requests_waiting"),
        pool=_pool(page),
        reuse=None if hits is None else "measured",
    )


def levers_of(configuration: Labels) -> tuple[ServerLever, ...]:
    """By the labels of `vllm:cache_config_info`."""
    off = configuration.get("enable_prefix_caching") == "False"
    caching = (
        idle("reuse", "prefix caching is off", "--enable-prefix-caching")
        if off
        else acting("reuse", "--enable-prefix-caching")
    )
    return (
        LAYOUT,
        caching,
        idle("retention", NO_RETENTION),
        acting("block size", "--block-size"),
        acting("pool", "--gpu-memory-utilization, --num-gpu-blocks-override"),
        acting("host tier", "--kv-offloading-size"),
        acting("cache salt", "the request's cache_salt", "request"),
        idle("release", "nothing drops one prefix; POST /reset_prefix_cache drops all"),
    )


def _pool(page: MetricPage) -> KvPool | None:
    configuration = page.labels("cache_config_info")
    blocks = _number(configuration, "num_gpu_blocks")
    size = _number(configuration, "effective_attention_block_size", "block_size")
    if not blocks or not size:
        return None
    used = round((page.mean("kv_cache_usage_perc") or 0.0) * blocks)
    return KvPool(
        max_blocks=blocks, free_blocks=blocks - used, used_blocks=used, tokens_per_block=size
    )


def _tiers(configuration: Labels) -> tuple[CacheTier, ...]:
    gpu = CacheTier(
        name="gpu",
        blocks=_number(configuration, "num_gpu_blocks"),
        bytes=_number(configuration, "kv_cache_memory_bytes"),
    )
    host = _number(configuration, "kv_offloading_size")
    return (gpu, CacheTier(name="host", bytes=host << 30)) if host else (gpu,)


def _hidden(page: MetricPage, endpoints: Sequence[EventEndpoint]) -> tuple[HiddenFigures, ...]:
    found = []
    if not page.samples:
        found.append(HiddenFigures(figures="all counters", option="without --disable-log-stats"))
    if page.sum("kv_block_lifetime_seconds_count") is None:
        found.append(HiddenFigures(figures="lifetimes of blocks", option="--kv-cache-metrics"))
    if not endpoints:
        found.append(HiddenFigures(figures="the map of the cache", option=EVENTS_OPTION))
    return tuple(found)


def _notes_on_engines(page: MetricPage) -> tuple[str, ...]:
    """What is to be said of several data-parallel engines, of which each has a pool of its own."""
    engines = page.count("cache_config_info")
    if engines < 2:
        return ()
    return (
        f"{engines} engines are behind this address, each with a cache of its own: the pool is "
        "that of one, how full it is the mean, and what is predicted is as if one served all",
    )


def _number(labels: Labels, *names: str) -> int | None:
    """The first of these labels that is a number."""
    for name in names:
        whole, _, _ = labels.get(name, "").partition(".")
        if whole.isdecimal():
            return int(whole)
    return None
