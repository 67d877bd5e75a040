"""trtllm-serve: what it is, what it counts, and where its levers end.

Read from TensorRT-LLM main of summer 2026. Some of its routes are drained: what was read is gone
for every other reader. They are read only where that is asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, field

from charter_engine.contracts.live import KvPool, ServerCounters
from charter_engine.contracts.server import (
    CacheManager,
    CacheTier,
    HiddenFigures,
    ServerKind,
    ServerLever,
    ServerProfile,
)
from charter_engine.errors import CharterError
from charter_engine.servers import tensorrt_llm
from charter_engine.servers.completions import LACKING, Completions
from charter_engine.servers.http import ASK_SECONDS, ServerHttp
from charter_engine.servers.levers import LAYOUT, acting, idle
from charter_engine.servers.metric_page import MetricPage
from charter_engine.servers.models import first_model, version_of
from charter_engine.servers.protocol import TokenAnswer, TokenRequest
from charter_engine.servers.versions import notes_on

DRAINED = ("/metrics", "/perf_metrics", "/kv_cache_events")
STATISTICS_PATH = "/metrics"
METRICS_PATH = "/prometheus/metrics"
RELEASE_PATH = "/_control/kv_cache/truncate_tokens"
"""Takes token ids: what is forgotten is what was sent (TensorRT-LLM, openai_protocol.py)."""
BY_MESSAGES_PATH = "/_control/kv_cache/truncate"
"""The older one, which takes messages: Charter sends nothing there."""
PREFIXES = ("trtllm_kv_cache_", "trtllm_", "kv_cache_", "")
"""From 1.3 on names have one; before they had none."""
NO_RETENTION = "trtllm-serve takes none in a request, and refuses fields that it does not know"
ELSEWHERE = "serve by Triton's engine path, whose requests take it"


class CacheStatistics(Struct, frozen=True):
    """`kvCacheStats` of one iteration."""

    max_blocks: int | None = field(name="maxNumBlocks", default=None)
    free_blocks: int | None = field(name="freeNumBlocks", default=None)
    used_blocks: int | None = field(name="usedNumBlocks", default=None)
    tokens_per_block: int | None = field(name="tokensPerBlock", default=None)
    reused_blocks: int | None = field(name="reusedBlocks", default=None)
    missed_blocks: int | None = field(name="missedBlocks", default=None)
    hit_rate: float | None = field(name="cacheHitRate", default=None)


class IterationStatistics(Struct, frozen=True):
    """One item of what `/metrics` gives, once."""

    cache: CacheStatistics | None = field(name="kvCacheStats", default=None)
    running: int | None = field(name="numActiveRequests", default=None)


class TrtllmServe:
    """A trtllm-serve by its OpenAI-shaped server. `configuration` is the YAML it was started with,
    where it is known; with `drains` its drained statistics are read."""

    kind: Final[ServerKind] = "trtllm-serve"
    cached_option = ""

    def __init__(
        self,
        http: ServerHttp,
        configuration: Mapping[str, Any] | None = None,
        *,
        drains: bool = False,
    ) -> None:
        self._http = http
        self._configuration = configuration
        self._drains = drains
        self._completions = Completions(http, self.kind)
        self._model = ""

    async def profile(self) -> ServerProfile:
        """As the protocol says."""
        served = await first_model(self._http, self.kind)
        self._model = served.id
        version = await version_of(self._http)
        counters = await self.counters()
        manager = tensorrt_llm.manager_of(self._configuration, version, served.root or served.id)
        rules = tensorrt_llm.rules_of(manager.manager, version)
        size, asked = self._tokens_per_block(counters)
        return ServerProfile(
            kind=self.kind,
            address=self._http.url,
            version=version,
            model=served.id,
            tokenizer=served.root or "",
            tokens_per_block=size,
            tiers=_tiers(counters, self._configuration),
            manager=manager.manager,
            manager_evidence=manager.evidence,
            rules=rules.rules,
            rules_evidence=rules.evidence,
            levers=levers_of(manager.manager, self._configuration, await self._release_path()),
            counters=counters,
            request_counters=("prompt tokens", "cached tokens"),
            hidden=self._hidden(counters),
            drained=DRAINED,
            notes=(*notes_on(self.kind, version), *asked),
        )

    async def counters(self) -> ServerCounters:
        """As the protocol says: from the page that forgets nothing, else, where that is wanted,
        from the statistics that are drained."""
        reply = await self._http.get(METRICS_PATH)
        if reply.ok:
            return counters_of(MetricPage.read(reply.text, PREFIXES))
        if not self._drains:
            return ServerCounters()
        reply = await self._http.get(STATISTICS_PATH)
        return drained_counters(reply.read(list[IterationStatistics]) if reply.ok else [])

    async def complete(self, request: TokenRequest) -> TokenAnswer:
        """As the protocol says. Its completions take neither a priority of blocks nor a salt."""
        if not self._model:
            self._model = (await first_model(self._http, self.kind)).id
        return await self._completions.ask(self._model, request, {})

    async def release(self, token_ids: Sequence[int], keep_tokens: int) -> None:
        """As the protocol says."""
        body = {"prefixes": [list(token_ids)], "num_tokens_to_keep": [keep_tokens]}
        reply = await self._http.post(RELEASE_PATH, body, ASK_SECONDS)
        if not reply.ok:
            raise CharterError(f"{reply.url}: {reply.status}: {reply.error}", kind="refused")

    async def _release_path(self) -> str:
        """The route that releases prefixes; empty where there is none. Told by how it refuses an
        empty body, which releases nothing."""
        for path in (RELEASE_PATH, BY_MESSAGES_PATH):
            if (await self._http.post(path, {}, ASK_SECONDS)).status not in LACKING:
                return path
        return ""

    def _tokens_per_block(self, counters: ServerCounters) -> tuple[int | None, tuple[str, ...]]:
        """The size in effect, and what is to be said of it."""
        if counters.pool is not None:
            return counters.pool.tokens_per_block, ()
        size = tensorrt_llm.tokens_per_block_in(self._configuration)
        if size is None:
            return None, ("the block size in effect is not known: nothing that is read tells it",)
        return size, (
            f"block size {size} is what its configuration asks for; some models override it",
        )

    def _hidden(self, counters: ServerCounters) -> tuple[HiddenFigures, ...]:
        found = []
        if counters.pool is None:
            found.append(
                HiddenFigures(figures="pool and counters", option="return_perf_metrics: true")
            )
        buffered = (self._configuration or {}).get("kv_cache_config") or {}
        if not buffered.get("event_buffer_max_size"):
            found.append(
                HiddenFigures(
                    figures="the map of the cache",
                    option="kv_cache_config: {event_buffer_max_size: 10000}",
                )
            )
        return tuple(found)


def counters_of(page: MetricPage) -> ServerCounters:
    """What its Prometheus page says. A rate alone tells no tokens."""
    reused, missed = page.whole("reused_blocks"), page.whole("missed_blocks")
    rate = page.mean("hit_rate")
    if rate is None and reused is not None and missed is not None and reused + missed:
        rate = reused / (reused + missed)
    return ServerCounters(
        reused_blocks=reused,
        missed_blocks=missed,
        hit_rate=rate,
        pool=_pool(
            page.whole("max_blocks"),
            page.whole("free_blocks"),
            page.whole("used_blocks"),
            page.whole("tokens_per_block"),
        ),
        reuse=None if reused is None and rate is None else "measured",
    )


def drained_counters(statistics: Sequence[IterationStatistics]) -> ServerCounters:
    """What the newest of the drained iteration statistics says; nothing where there is none."""
    told = next((item for item in reversed(statistics) if item.cache is not None), None)
    if told is None or told.cache is None:
        return ServerCounters()
    cache = told.cache
    return ServerCounters(
        reused_blocks=cache.reused_blocks,
        missed_blocks=cache.missed_blocks,
        hit_rate=cache.hit_rate,
        running=told.running,
        pool=_pool(cache.max_blocks, cache.free_blocks, cache.used_blocks, cache.tokens_per_block),
        reuse="measured",
    )


def levers_of(
    manager: CacheManager, configuration: Mapping[str, Any] | None, release_path: str
) -> tuple[ServerLever, ...]:
    """By its manager, its configuration, and its route that releases prefixes, if it has one."""
    reason, remedy = NO_RETENTION, ELSEWHERE
    if manager == "V2":
        reason = f"{tensorrt_llm.WHY_NO_RETENTION_ON_V2}; {NO_RETENTION}"
        remedy = f"{tensorrt_llm.REMEDY}, and {ELSEWHERE}"
    return (
        LAYOUT,
        acting("reuse", "kv_cache_config: enable_block_reuse")
        if tensorrt_llm.reuses_blocks(configuration)
        else idle("reuse", "block reuse is off", "kv_cache_config: {enable_block_reuse: true}"),
        idle("retention", reason, remedy),
        acting("block size", "kv_cache_config: tokens_per_block"),
        acting("pool", "kv_cache_config: free_gpu_memory_fraction, max_tokens"),
        acting("host tier", "kv_cache_config: host_cache_size"),
        acting("cache salt", "a chat request's cache_salt", "request"),
        acting("release", f"POST {release_path}", "request")
        if release_path
        else idle("release", f"it has no {RELEASE_PATH}", "a TensorRT-LLM from 2026 on"),
    )


def _pool(
    blocks: int | None, free: int | None, used: int | None, size: int | None
) -> KvPool | None:
    if blocks is None or free is None or used is None or not size:
        return None
    return KvPool(max_blocks=blocks, free_blocks=free, used_blocks=used, tokens_per_block=size)


def _tiers(
    counters: ServerCounters, configuration: Mapping[str, Any] | None
) -> tuple[CacheTier, ...]:
    gpu = CacheTier(name="gpu", blocks=counters.pool.max_blocks if counters.pool else None)
    host = tensorrt_llm.host_bytes_in(configuration)
    return (gpu, CacheTier(name="host", bytes=host)) if host else (gpu,)
