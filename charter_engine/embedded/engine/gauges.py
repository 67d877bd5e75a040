"""The `nv_trt_llm_*` metric families, under TensorRT-LLM's names and labels.

Source: tensorrtllm_backend custom_metrics_reporter.cc; the fraction and waiting labels came with
0.18, the token-length histograms with 0.16, the disaggregated family with 0.15.
"""

import time
from typing import Any

import psutil

from charter_engine.embedded.engine.contract import MORE_GAUGES, STATS, Version
from charter_engine.embedded.engine.engine import ReferenceEngine

TOKEN_BUCKETS = [10.0, 50.0, 100.0, 500.0, 1000.0]
"""Taken from TensorRT-LLM's `nv_llm_input_token_len`."""

FAMILIES = {
    "nv_trt_llm_request_metrics": ("TRT LLM request metrics", "request_type"),
    "nv_trt_llm_runtime_memory_metrics": ("TRT LLM runtime memory metrics", "memory_type"),
    "nv_trt_llm_kv_cache_block_metrics": ("TRT LLM KV cache block metrics", "kv_cache_block_type"),
    "nv_trt_llm_inflight_batcher_metrics": (
        "TRT LLM inflight_batcher-specific metrics",
        "inflight_batcher_specific_metric",
    ),
    "nv_trt_llm_general_metrics": ("General TRT LLM metrics", "general_type"),
}


def gauge_values(engine: ReferenceEngine, version: Version) -> dict[str, dict[str, float]]:
    """What every gauge shows for the engine's last iteration: family → label value → number."""
    stats, most = engine.stats, engine.pool.gpu_blocks
    used = most - stats.free_blocks
    requests = {
        "active": stats.active,
        "max": engine.spec.build_config.max_batch_size,
        "scheduled": stats.scheduled,
        "context": stats.context_requests,
    }
    blocks = {
        "max": most,
        "free": stats.free_blocks,
        "used": used,
        "tokens_per": engine.spec.tokens_per_block,
        "reused": stats.reused_blocks,
    }
    if version >= MORE_GAUGES:
        requests["waiting"] = stats.waiting
    memory = {"cpu": _resident_bytes(), "gpu": engine.memory.gpu, "pinned": engine.memory.pinned}
    batcher = {
        "total_context_tokens": stats.context_tokens,
        "generation_requests": stats.generation_requests,
        "micro_batch_id": 0,
        "paused_requests": stats.paused,
    }
    general = {"timestamp": time.time_ns() // 1000, "iteration_counter": stats.iteration}
    return {
        "nv_trt_llm_request_metrics": dict(requests),
        "nv_trt_llm_runtime_memory_metrics": dict(memory),
        "nv_trt_llm_kv_cache_block_metrics": {**blocks, "fraction": used / most}
        if version >= MORE_GAUGES
        else dict(blocks),
        "nv_trt_llm_inflight_batcher_metrics": dict(batcher),
        "nv_trt_llm_general_metrics": dict(general),
    }


def _resident_bytes() -> int:
    return int(psutil.Process().memory_info().rss)


class Gauges:
    """The families registered with Triton. `backend` is `triton_python_backend_utils`."""

    def __init__(
        self, backend: Any, engine: ReferenceEngine, version: Version, labels: dict[str, str]
    ) -> None:
        self._engine, self._version = engine, version
        self._families: list[Any] = []  # a family that is collected breaks its metrics
        self._gauges: dict[tuple[str, str], Any] = {}
        values = gauge_values(engine, version)
        for family, (description, label) in FAMILIES.items():
            registered = backend.MetricFamily(
                name=family, description=description, kind=backend.MetricFamily.GAUGE
            )
            self._families.append(registered)
            for value in values[family]:
                self._gauges[family, value] = registered.Metric(labels={**labels, label: value})
        self._shown_iteration = -1
        self._lengths = self._histograms(backend, labels) if version >= STATS else {}
        self._disaggregated(backend, labels)

    def _histograms(self, backend: Any, labels: dict[str, str]) -> dict[str, Any]:
        metrics = {}
        for direction in ("input", "output"):
            family = backend.MetricFamily(
                name=f"nv_llm_{direction}_token_len",
                description="TRT LLM response metrics",
                kind=backend.MetricFamily.HISTOGRAM,
            )
            self._families.append(family)
            metrics[direction] = family.Metric(
                labels={**labels, "response_metric_type": f"total_{direction}_tokens"},
                buckets=TOKEN_BUCKETS,
            )
        return metrics

    def _disaggregated(self, backend: Any, labels: dict[str, str]) -> None:
        """Counters that stay at 0: nothing here serves prompt and generation apart."""
        if self._version < (0, 15):
            return
        family = backend.MetricFamily(
            name="nv_trt_llm_disaggregated_serving_metrics",
            description="TRT LLM disaggregated serving metrics",
            kind=backend.MetricFamily.COUNTER,
        )
        self._families.append(family)
        self._unused = [
            family.Metric(labels={**labels, "disaggregated_serving_type": value})
            for value in ("kv_cache_transfer_ms", "request_count")
        ]

    def refresh(self) -> None:
        """Show the last iteration. Gauges keep their values while the engine runs none."""
        iteration = self._engine.stats.iteration
        if iteration == self._shown_iteration:
            return
        self._shown_iteration = iteration
        for family, values in gauge_values(self._engine, self._version).items():
            for value, number in values.items():
                self._gauges[family, value].set(number)

    def observe_lengths(self, prompt: int, output: int) -> None:
        if self._lengths:
            self._lengths["input"].observe(prompt)
            self._lengths["output"].observe(output)
