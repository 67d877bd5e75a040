"""The small panels of the graph screen.

They show GPU, Triton and its KV pool, the run's progress and the event log.
"""

import time
from collections.abc import Callable
from typing import Final, NamedTuple

from charter_engine.contracts.figures import Label
from charter_engine.contracts.gauges import Event
from charter_engine.contracts.gpu import GpuSample
from charter_engine.contracts.live import CounterRates, Health, HostSample, KvPool, TritonSample
from charter_tui.naming import Naming
from charter_tui.present.figures import (
    bar,
    byte_size,
    clock_span,
    count,
    marked,
    percent,
    percent_text,
)
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, line_width, plain, wrap
from charter_tui.present.words import sentence_lines
from charter_tui.state import Snapshot, share

LABEL_WIDTH: Final = 9
"""Derived: the longest label, and a blank."""
LONGEST_BAR: Final = 20
SHORTEST_BAR: Final = 4
"""Assumed, in cells: a longer bar tells no more, and a shorter one nothing."""
HEALTH: Final[dict[Health, tuple[str, Tone]]] = {
    "ready": ("● ready", "good"),
    "starting": ("◌ starting", "warning"),
    "unreachable": ("✗ unreachable", "bad"),
    "stopped": ("○ stopped", "muted"),
}
_RUN: Final[dict[str, tuple[str, Tone]]] = {
    "none": ("○ no run yet", "muted"),
    "running": ("▶ running", "accent"),
    "done": ("● done", "good"),
    "failed": ("✗ failed", "bad"),
    "cancelled": ("○ cancelled", "warning"),
}
_EVENT_TONES: Final[dict[str, Tone]] = {"info": "text", "warning": "warning", "error": "bad"}
_EVENT_SIGNS: Final = {"info": "", "warning": "! ", "error": "✗ "}
_SPARKS = "▁▂▃▄▅▆▇█"


def _labelled(label: str, *parts: Span | str) -> Line:
    return line(Span(f"{label:<{LABEL_WIDTH}}", "muted"), *parts)


def memory_lines(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """GPU memory by NVML.

    Without a GPU, the plain words that there is none, and the serving process's memory.
    """
    host = snapshot.host.sample if snapshot.host else None
    known = snapshot.last_gpus
    if snapshot.gpu and snapshot.gpu.status.answering:
        lines = [made for gpu in snapshot.gpu.status.gpus for made in _gpu_lines(gpu, width)]
    elif snapshot.gpu and snapshot.gpu.status.reason and known:
        lines = [
            *_last_known(snapshot.gpu.status.reason, snapshot.age(known), width),
            *(made for gpu in known.value.gpus for made in _gpu_lines(gpu, width)),
        ]
    else:
        reason = snapshot.gpu.status.reason if snapshot.gpu else "waiting for the first sample"
        words = wrap(reason or "no GPU to show", max(10, width - LABEL_WIDTH))
        lines = [
            _labelled("GPU" if not index else "", Span(text, "muted"))
            for index, text in enumerate(words)
        ]
        if host:
            serving = byte_size(host.serving_rss_bytes, "measured")
            lines.append(_labelled("Serving", serving, Span(" resident memory", "muted")))
    return (*lines, *_host_lines(host, width)) if host else tuple(lines)


def last_known_words(reason: str, age: float) -> str:
    """Why nothing is told at the moment, where that is to be said, and how old what follows is."""
    why = f"{reason.rstrip('.')}. " if reason else ""
    return f"{why}As of {clock_span(age)} ago:"


def _last_known(reason: str, age: float, width: int) -> tuple[Line, ...]:
    return sentence_lines(last_known_words(reason, age), width, "warning")


def _gpu_lines(gpu: GpuSample, width: int) -> tuple[Line, ...]:
    used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
    memory: list[Span | str] = [byte_size(used, "measured")]
    if used is not None and total:
        memory += [
            Span(" of ", "muted"),
            byte_size(total, "measured"),
            " ",
            *bar(used / total, max(4, min(16, width - 34))),
        ]
    load: list[Span | str] = []
    if gpu.utilization is not None:
        load += [marked(percent_text(gpu.utilization, 0), "measured"), Span(" busy  ", "muted")]
    if gpu.temperature_c is not None:
        load += [marked(f"{gpu.temperature_c} °C  ", "measured")]
    if gpu.power_w is not None:
        load += [marked(f"{gpu.power_w:.0f} W  ", "measured")]
    return (
        _labelled(f"GPU {gpu.index}", *memory),
        _labelled("", *load, Span(plain(gpu.name), "muted")),
    )


def _host_lines(host: HostSample, width: int) -> tuple[Line, ...]:
    machine = (
        marked(percent_text(host.cpu_utilization, 0), "measured"),
        Span(" CPU  ", "muted"),
        byte_size(host.memory_used_bytes, "measured"),
        Span(" of ", "muted"),
        byte_size(host.memory_total_bytes, "measured"),
        Span(" memory", "muted"),
    )
    engine = (byte_size(host.engine_rss_bytes, "measured"), Span(" engine", "muted"))
    if width < 64:
        return (_labelled("Host", *machine), _labelled("", *engine))
    return (_labelled("Host", *machine, "  ", *engine),)


def triton_lines(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """The server's health, its KV pool, queues and counters from its metrics page."""
    if snapshot.triton is None:
        return (_labelled("Server", Span("waiting for the first sample", "muted")),)
    sample = snapshot.triton.sample
    text, tone = HEALTH[sample.health]
    about = " ".join(plain(part) for part in (sample.url, sample.version) if part)
    lines = [_labelled(f"{sample.called} ", Span(text, tone), Span(f"  {about}", "muted"))]
    if sample.reason:
        lines += [
            _labelled("", Span(text, "warning" if sample.health != "ready" else "muted"))
            for text in wrap(sample.reason, max(10, width - LABEL_WIDTH))[:3]
        ]
    lines += _rates(sample.rates)
    queues = _queues(sample)
    known = snapshot.last_answer
    if sample.kv_pool is None and sample.health != "ready" and known and known.value.kv_pool:
        pool, asked = known.value.kv_pool, _queues(known.value)
        lines += _last_known("", snapshot.age(known), width)
        return (*lines, *_pool_lines(pool, None, snapshot.pool_used, asked, width))
    if sample.kv_pool:
        reusable = _reusable(snapshot, sample.kv_pool)
        return (*lines, *_pool_lines(sample.kv_pool, reusable, snapshot.pool_used, queues, width))
    if sample.health == "ready":
        lines.append(
            _labelled("KV pool", Span("no KV cache metrics on this server's metrics page", "muted"))
        )
    return (*lines, _labelled("Requests", *queues)) if queues else tuple(lines)


def _rates(rates: CounterRates | None) -> list[Line]:
    """What the server itself counted in the last second, whoever sent it."""
    if rates is None or rates.reuse is None:
        return []
    tokens = (
        (count(round(rates.prompt_tokens), rates.reuse), Span(" prompt tokens/s  ", "muted"))
        if rates.prompt_tokens is not None
        else ()
    )
    return [
        _labelled(
            "Counted", *tokens, percent(rates.hit_rate, rates.reuse), Span(" reused", "muted")
        )
    ]


class _Reusable(NamedTuple):
    """How many idle blocks hold something, and where that comes from."""

    blocks: int
    label: Label


def _reusable(snapshot: Snapshot, pool: KvPool) -> _Reusable | None:
    """As events tell, else those with prompts and answers of the last run, as the block manager
    predicts them: Triton's gauges count them as free. None before a run has ended."""
    if pool.reusable_blocks is not None:
        return _Reusable(pool.reusable_blocks, "measured")
    done = snapshot.run is not None and snapshot.run.progress.state == "done"
    served = any(node.requests for node in snapshot.shown_nodes)
    prediction = snapshot.live_prediction
    if prediction is None or not (done and served):
        return None
    kept = prediction.missed_blocks - sum(prediction.evictions_by_priority.values())
    kept = max(0, min(kept + _answer_blocks(snapshot, pool), pool.free_blocks))
    return _Reusable(kept, "predicted")


def _answer_blocks(snapshot: Snapshot, pool: KvPool) -> int:
    """The blocks that the answers of the last run filled."""
    last = snapshot.runs.runs[0].cost if snapshot.runs and snapshot.runs.runs else None
    return (last.output_tokens or 0) // pool.tokens_per_block if last is not None else 0


def _pool_lines(
    pool: KvPool, reusable: _Reusable | None, history: tuple[float, ...], queues: Line, width: int
) -> tuple[Line, ...]:
    size = pool.bytes
    parts = _labelled("KV pool", *_pool_parts(pool, reusable))
    gauge = (*parts, *_pool_bar(pool, reusable, min(LONGEST_BAR, width - line_width(parts))))
    blocks = (
        marked(f"{pool.max_blocks:,}", "measured"),
        Span(" blocks of ", "muted"),
        marked(f"{pool.tokens_per_block}", "measured"),
        Span(" tokens  ", "muted"),
        *((byte_size(size, "measured"), Span("  ", "muted")) if size else ()),
    )
    if width < 64:
        lines = [
            gauge,
            _labelled("", *blocks, sparkline(history, max(0, width - LABEL_WIDTH - 40))),
        ]
        return (*lines, _labelled("Requests", *queues)) if queues else tuple(lines)
    return (
        gauge,
        _labelled(
            "", *blocks, *queues, sparkline(history, max(0, min(24, width - LABEL_WIDTH - 68)))
        ),
    )


def _pool_bar(pool: KvPool, reusable: _Reusable | None, width: int) -> Line:
    """The shares of the pool that are in use, reusable and free; nothing where there is no room."""
    if width < SHORTEST_BAR:
        return EMPTY
    used = share(pool.used_blocks, pool.max_blocks) or 0.0
    kept = share(reusable.blocks if reusable else 0, pool.max_blocks) or 0.0
    filled = round(width * used)
    striped = min(width - filled, round(width * kept))
    return line(
        Span("█" * filled, "accent"),
        Span("▒" * striped, "kv-hot"),
        Span("░" * (width - filled - striped), "muted"),
    )


def _pool_parts(pool: KvPool, reusable: _Reusable | None) -> Line:
    """How many blocks are in use, idle with something to reuse, and free."""
    in_use = (marked(f"{pool.used_blocks:,}", "measured"), Span(" used  ", "muted"))
    if reusable is None:
        idle = marked(f"{pool.free_blocks:,}", "measured"), Span(" free or reusable  ", "muted")
        return (*in_use, *idle)
    return (
        *in_use,
        marked(f"{reusable.blocks:,}", reusable.label),
        Span(" reusable  ", "muted"),
        marked(f"{pool.free_blocks - reusable.blocks:,}", reusable.label),
        Span(" free  ", "muted"),
    )


def _queues(sample: TritonSample) -> Line:
    if sample.active_requests is None and sample.waiting_requests is None:
        return ()
    return line(
        count(sample.active_requests, "measured"),
        Span(" active  ", "muted"),
        count(sample.waiting_requests, "measured"),
        Span(" waiting  ", "muted"),
    )


def sparkline(shares: tuple[float, ...], width: int) -> Span:
    """The last `width` shares of 0 to 1 as a row of small bars."""
    kept = shares[-width:] if width > 0 else ()
    return Span("".join(_SPARKS[min(7, int(max(0.0, item) * 8))] for item in kept), "accent")


def run_lines(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """The run in progress, or how the last one ended; the recording being written; and what the
    database does not take."""
    progress = snapshot.run.progress if snapshot.run else None
    text, tone = _RUN[progress.state if progress else "none"]
    if progress is None or progress.state == "none":
        return (_labelled("Run", Span(text, tone)), *kept_lines(snapshot))
    done = share(progress.items_done, progress.items_total) or 0.0
    first = (
        Span(f"{text}  ", tone),
        *bar(done, max(6, min(20, width - 38)), tone),
        Span(f" {progress.items_done}/{progress.items_total}"),
        Span(" items  ", "muted"),
    )
    written = "as written" if progress.variant == "baseline" else f"revision {progress.revision}"
    second = (
        marked(clock_span(progress.elapsed_ms / 1000), "measured"),
        Span(f"  {written}", "muted"),
    )
    if width < 72:
        return (_labelled("Run", *first), _labelled("", *second), *kept_lines(snapshot))
    return (_labelled("Run", *first, *second), *kept_lines(snapshot))


def kept_lines(snapshot: Snapshot) -> tuple[Line, ...]:
    """The recording being written, where there is one, and what should be kept and is not."""
    unkept = snapshot.database.unkept if snapshot.database else ()
    if not unkept:
        return recording_lines(snapshot)
    words = f"✗ not kept: {', '.join(unkept)}"
    return (*recording_lines(snapshot), _labelled("Database", Span(words, "bad")))


def recording_lines(snapshot: Snapshot) -> tuple[Line, ...]:
    """The recording being written; nothing where there is none."""
    recording = snapshot.recording
    if not recording or not (recording.path or recording.error):
        return ()
    if recording.error:
        return (_labelled("Record", Span(f"✗ {plain(recording.error)}", "bad")),)
    return (
        _labelled(
            "Record",
            Span("● ", "bad"),
            byte_size(recording.bytes_written, "measured"),
            Span(f"  {plain(recording.path)}", "muted"),
        ),
    )


def event_line(
    event: Event,
    local: Callable[[float], time.struct_time] = time.localtime,
    named: Naming = str,
) -> Line:
    """One event: when, of what kind, what, and at which node."""
    return line(
        Span(time.strftime("%H:%M:%S ", local(event.at)), "muted"),
        Span(f"{event.kind:<9} ", "bad" if event.level == "error" else "accent"),
        Span(f"{_EVENT_SIGNS[event.level]}{plain(event.text)}", _EVENT_TONES[event.level]),
        Span(f"  {plain(named(event.node))}" if event.node else "", "muted"),
    )
