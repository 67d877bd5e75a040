"""What a fleet's servers did, out of the families that Prometheus scrapes of Charter's engines and
of Triton itself."""

import json
from collections.abc import Mapping
from typing import Final

from charter_engine.contracts.series import Tick, ValueRange
from charter_engine.monitor.prometheus import Series

LEAST_WINDOW: Final = 60.0
"""Seconds that a rate is taken over at least: four scrapes at the usual interval."""
RANGED: Final = ("pool_used", "waiting")
"""Gauges of which a step may hide a peak."""
BUILD: Final = "build"
"""Tells the pages of Charter's engines apart from those of Triton."""
UP: Final = "up"


def _rate(engine: str, triton: str) -> str:
    return (
        f"sum by (instance) (rate(charter_engine_{engine}{{JOB}}[WINDOW])) "
        f"or sum by (instance) (rate(charter_node_{triton}{{JOB}}[WINDOW]))"
    )


def _share(used: str, whole: str) -> str:
    return f"(sum by (instance) ({used}) / sum by (instance) ({whole}))"


def _mean(family: str) -> str:
    return (
        f"sum by (instance) (rate({family}_sum{{JOB}}[WINDOW])) "
        f"/ sum by (instance) (rate({family}_count{{JOB}}[WINDOW]))"
    )


_GPU_MEMORY: Final = "charter_engine_gpu_memory_bytes"
_BLOCKS: Final = "nv_trt_llm_kv_cache_block_metrics"
_TEMPLATES: Final[Mapping[str, str]] = {
    UP: "max by (instance) (up{JOB})",
    BUILD: "max by (instance) (charter_engine_build_info{JOB})",
    "requests": _rate("requests_total", "requests_total"),
    "prompt_tokens": _rate("told_prompt_tokens_total", "prompt_tokens_total"),
    "reused_tokens": _rate("reused_tokens_total", "reused_tokens_total"),
    "ttft": (
        f"{_mean('charter_engine_time_to_first_token_seconds')} "
        f"or {_mean('charter_node_time_to_first_token_seconds')}"
    ),
    "pool_used": _share(
        'charter_engine_kv_blocks{state="used",JOB}', "charter_engine_kv_blocks{JOB}"
    )
    + " or "
    + _share(
        f'{_BLOCKS}{{kv_cache_block_type="used",JOB}}',
        f'{_BLOCKS}{{kv_cache_block_type="max",JOB}}',
    ),
    "waiting": (
        'sum by (instance) (charter_engine_triton_requests{state="waiting",JOB}) '
        'or sum by (instance) (nv_trt_llm_request_metrics{request_type="waiting",JOB})'
    ),
    "gpu_utilization": (
        'avg by (instance) (charter_engine_gpu_utilization_ratio{of="compute",JOB}) '
        "or avg by (instance) (nv_gpu_utilization{JOB})"
    ),
    "gpu_memory_used": _share(
        f'{_GPU_MEMORY}{{part!~"free|reserved",mig="",JOB}}', f'{_GPU_MEMORY}{{mig="",JOB}}'
    )
    + " or "
    + _share("nv_gpu_memory_used_bytes{JOB}", "nv_gpu_memory_total_bytes{JOB}"),
}


def queries(step: float, job: str = "") -> dict[str, str]:
    """What to ask a Prometheus, by what it tells: over steps of so many seconds, of the servers of
    a job (empty: of all)."""
    matcher = f"job={json.dumps(job)}" if job else ""
    window = f"{max(LEAST_WINDOW, step):.0f}s"
    told = {
        name: template.replace("JOB", matcher).replace("WINDOW", window)
        for name, template in _TEMPLATES.items()
    }
    return told | {
        f"{name}_{end}": f"{function}_over_time(({told[name]})[{max(1.0, step):.0f}s:])"
        for name in RANGED
        for end, function in (("low", "min"), ("high", "max"))
    }


def ticks_of(instance: str, told: Mapping[str, Series], step: float) -> list[Tick]:
    """A server's ticks, oldest first; where Prometheus knew nothing of it there is none."""
    of = {name: series.get(instance, {}) for name, series in told.items()}
    measured = [values for name, values in of.items() if name not in (UP, BUILD)]
    moments = sorted({at for values in measured for at in values})
    return [
        _tick(at, {name: values.get(at) for name, values in of.items()}, step) for at in moments
    ]


def _tick(at: float, told: Mapping[str, float | None], step: float) -> Tick:
    prompt = (told["prompt_tokens"] or 0.0) * step
    ttft = told["ttft"]
    ranges = {
        name: ValueRange(low, high)
        for name in RANGED
        if (low := told[f"{name}_low"]) is not None
        and (high := told[f"{name}_high"]) is not None
        and low < high
    }
    return Tick(
        at=at,
        seconds=step,
        requests=round((told["requests"] or 0.0) * step),
        prompt_tokens=round(prompt),
        computed_tokens=round(max(0.0, prompt - (told["reused_tokens"] or 0.0) * step)),
        ttft_ms=None if ttft is None else ttft * 1000,
        pool_used=told["pool_used"],
        waiting=told["waiting"],
        gpu_utilization=told["gpu_utilization"],
        gpu_memory_used=told["gpu_memory_used"],
        ranges=ranges,
    )
