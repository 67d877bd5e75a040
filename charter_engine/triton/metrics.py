"""Triton's metrics page: the engine's gauges and the per-node counters of `charter_bls`."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from charter_engine.contracts.live import KvPool
from charter_engine.triton.errors import Unreachable
from charter_engine.triton.page import read_page
from charter_engine.triton.request import BLS_MODEL, ENGINE_MODEL

REQUESTS = "nv_trt_llm_request_metrics"
MEMORY = "nv_trt_llm_runtime_memory_metrics"
BLOCKS = "nv_trt_llm_kv_cache_block_metrics"
INFLIGHT = "nv_trt_llm_inflight_batcher_metrics"
LABEL_OF = {
    REQUESTS: "request_type",
    MEMORY: "memory_type",
    BLOCKS: "kv_cache_block_type",
    INFLIGHT: "inflight_batcher_specific_metric",
}
NODE_PREFIX = "charter_node_"
REFRESHES = "charter_restamps"
_READ = re.compile(
    rf"^(?:# (?:HELP|TYPE) )?(?:{'|'.join((*LABEL_OF, NODE_PREFIX, REFRESHES))}).*$", re.MULTILINE
)
_ANSWERED = re.compile(
    rf'^nv_inference_request_(?:success|failure){{[^}}]*\bmodel="{BLS_MODEL}"[^}}]*}} (\S+)',
    re.MULTILINE,
)
"""Triton's own counters of what it answered for `charter_bls`."""
SCRAPE_SECONDS = 2.0
"""Two samples' time: the next one asks again."""

Gauges = dict[str, dict[str, float]]


class NodeCounters(Struct, frozen=True, kw_only=True):
    """Totals of one node since `charter_bls` was loaded with this revision."""

    agent: str
    node: str
    revision: int
    requests: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    reused_tokens: int = 0
    kv_blocks_reused: int = 0
    kv_blocks_missed: int = 0


class TritonMetrics(Struct, frozen=True, kw_only=True):
    """One reading of the page. Engine gauges keep their last value while the engine is idle; None:
    not there.

    `refreshes` counts the retention refreshes of `charter_bls` by what became of them; empty where
    nothing is followed up.
    """

    kv_pool: KvPool | None = None
    active_requests: int | None = None
    waiting_requests: int | None = None
    paused_requests: int | None = None
    runtime_memory_bytes: dict[str, int] = {}
    nodes: tuple[NodeCounters, ...] = ()
    refreshes: dict[str, int] = {}
    answered: int | None = None
    """Requests that `charter_bls` answered or refused, readers of its tap included."""


class MetricsReader:
    """Reads a page again and again, and parses anew only what became different."""

    def __init__(self) -> None:
        self._text = ""
        self._read = TritonMetrics()

    def read(self, page: str) -> TritonMetrics:
        """Parse a metrics page. Raises `ValueError` for what is no such page."""
        text = _of_interest(page)
        if text != self._text:
            self._read = _parsed(text)
            self._text = text
        return replace(self._read, answered=_answered(page))


async def scrape(
    url: str, reader: MetricsReader | None = None, seconds: float = SCRAPE_SECONDS
) -> TritonMetrics:
    """Read the page at `url` (`http://host:8002/metrics`), by the `reader` that read it before
    where there is one. Raises `Unreachable`."""
    try:
        async with asyncio.timeout(seconds):
            page = await read_page(url)
        return (reader or MetricsReader()).read(page)
    except (OSError, ValueError) as error:
        raise Unreachable(
            f"no Triton metrics at {url}: {str(error) or 'no answer in time'}",
            remedy="is this tritonserver's --metrics-port?",
        ) from None


def _parsed(text: str) -> TritonMetrics:
    try:
        return _read(text)
    except (LookupError, OverflowError, TypeError, AttributeError) as error:
        raise ValueError(f"not a page of Triton's: {error!r}") from error


def _read(text: str) -> TritonMetrics:
    gauges: Gauges = {}
    nodes: dict[tuple[str, str, str], dict[str, int]] = {}
    refreshes: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        if family.name in LABEL_OF:
            gauges[family.name] = _by_label(family.samples, LABEL_OF[family.name])
        elif family.name == REFRESHES:
            for item in family.samples:
                refreshes[item.labels["outcome"]] += int(item.value)
        elif family.name.startswith(NODE_PREFIX) and family.type == "counter":
            _collect_nodes(nodes, family.samples, family.name.removeprefix(NODE_PREFIX))
    requests = gauges.get(REQUESTS, {})
    return TritonMetrics(
        kv_pool=_pool(gauges.get(BLOCKS, {})),
        active_requests=_whole(requests, "active"),
        waiting_requests=_whole(requests, "waiting"),
        paused_requests=_whole(gauges.get(INFLIGHT, {}), "paused_requests"),
        runtime_memory_bytes={kind: int(value) for kind, value in gauges.get(MEMORY, {}).items()},
        nodes=tuple(
            NodeCounters(agent=agent, node=node, revision=int(revision or 0), **counts)
            for (agent, node, revision), counts in nodes.items()
        ),
        refreshes=dict(refreshes),
    )


def _of_interest(page: str) -> str:
    """The lines of the families that are read, for parsing is dear and a page is mostly others; the
    whole page where there are none, to find out whether it is one."""
    return "\n".join(_READ.findall(page)) or page


def _answered(page: str) -> int | None:
    counts = _ANSWERED.findall(page)
    return sum(int(float(count)) for count in counts) if counts else None


def _by_label(samples: Iterable[Any], label: str) -> dict[str, float]:
    return {
        item.labels[label]: item.value
        for item in samples
        if item.labels.get("model", ENGINE_MODEL) == ENGINE_MODEL
    }


def _collect_nodes(
    nodes: dict[tuple[str, str, str], dict[str, int]], samples: Iterable[Any], field: str
) -> None:
    if field not in NodeCounters.__struct_fields__:
        return
    for item in samples:
        if item.name.endswith("_total"):
            labels: Mapping[str, str] = item.labels
            key = (labels.get("agent", ""), labels.get("node", ""), labels.get("revision", "0"))
            nodes.setdefault(key, {})[field] = int(item.value)


def _pool(blocks: Mapping[str, float]) -> KvPool | None:
    if not {"max", "free", "used", "tokens_per"} <= blocks.keys():
        return None
    return KvPool(
        max_blocks=int(blocks["max"]),
        free_blocks=int(blocks["free"]),
        used_blocks=int(blocks["used"]),
        tokens_per_block=int(blocks["tokens_per"]),
        reused_blocks=_whole(blocks, "reused"),
    )


def _whole(values: Mapping[str, float], key: str) -> int | None:
    return int(values[key]) if key in values else None
