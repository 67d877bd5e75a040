"""The columns of the tables that results print as: what is paid first, rates behind it."""

from collections.abc import Callable
from time import localtime, strftime
from typing import NamedTuple

from charter_engine.api.rows import Value

UNKNOWN = "-"


class ResultColumn(NamedTuple):
    """A column of a table: what stands above it, the key of its figures, and how they are shown."""

    header: str
    key: str
    show: Callable[[Value], str]


def text(value: Value) -> str:
    """A word, or a switch as on or off; empty where it is unknown."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if value is None else str(value)


def count(value: Value) -> str:
    """A whole number with its thousands set apart."""
    return f"{value:,.0f}" if isinstance(value, int | float) else UNKNOWN


def share(value: Value) -> str:
    """A rate of 0 to 1 in per cent."""
    return f"{value:.1%}" if isinstance(value, int | float) else UNKNOWN


def change(value: Value) -> str:
    """A relative change in per cent, with its sign."""
    return f"{value:+.1%}" if isinstance(value, int | float) else UNKNOWN


def milliseconds(value: Value) -> str:
    """Milliseconds to a tenth."""
    return f"{value:,.1f}" if isinstance(value, int | float) else UNKNOWN


def whole_time(value: Value) -> str:
    """Milliseconds, shown in seconds."""
    return f"{value / 1000:,.2f}" if isinstance(value, int | float) else UNKNOWN


def seconds(value: Value) -> str:
    """Seconds in three digits; where there are none, it never happened."""
    return f"{value:.3g}" if isinstance(value, int | float) else "never"


def mebibytes(value: Value) -> str:
    """Bytes, shown in MiB."""
    return f"{value / 2**20:,.0f}" if isinstance(value, int | float) else UNKNOWN


def moment(value: Value) -> str:
    """Epoch seconds as local time."""
    if not isinstance(value, int | float):
        return UNKNOWN
    return strftime("%Y-%m-%d %H:%M:%S", localtime(value))


def digits(value: Value) -> str:
    """A fraction in four digits, a whole number with its thousands set apart, a word as it is."""
    if isinstance(value, float):
        return f"{value:,.4g}"
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return f"{value:,}" if is_count else text(value)


CALLS = (
    ResultColumn("call", "call", text),
    ResultColumn("line", "line", text),
    ResultColumn("family", "family", text),
    ResultColumn("loop", "loop", text),
    ResultColumn("takes from", "takes_from", text),
    ResultColumn("static tokens", "static_tokens", count),
    ResultColumn("", "static_tokens_label", text),
)
OPPORTUNITIES = (
    ResultColumn("pattern", "pattern", text),
    ResultColumn("calls", "calls", text),
    ResultColumn("shared tokens", "shared_tokens", count),
    ResultColumn("", "shared_tokens_label", text),
    ResultColumn("expected computed", "expected_computed_tokens", count),
    ResultColumn("expected hit rate", "expected_hit_rate", share),
    ResultColumn("", "expected_hit_rate_label", text),
)
FINDINGS = (
    ResultColumn("path", "path", text),
    ResultColumn("line", "line", text),
    ResultColumn("severity", "severity", text),
    ResultColumn("rule", "rule", text),
    ResultColumn("tokens a call", "tokens_per_call", count),
    ResultColumn("what", "message", text),
    ResultColumn("remedy", "remedy", text),
)
COMPARED = (
    ResultColumn("", "what", text),
    ResultColumn("layout", "layout", text),
    ResultColumn("block", "tokens_per_block", text),
    ResultColumn("computed tokens", "computed_tokens", count),
    ResultColumn("whole time s", "makespan_ms", whole_time),
    ResultColumn("TTFT ms", "ttft_ms_mean", milliseconds),
    ResultColumn("p95", "ttft_ms_p95", milliseconds),
    ResultColumn("req/s", "requests_per_s", digits),
    ResultColumn("hit rate", "token_hit_rate", share),
    ResultColumn("at most", "bound", share),
    ResultColumn("memory MiB", "memory_bytes", mebibytes),
)
SETTINGS = (
    ResultColumn("place", "place", text),
    ResultColumn("setting", "setting", text),
    ResultColumn("value", "value", text),
    ResultColumn("why", "why", text),
    ResultColumn("", "label", text),
)
ALTERNATIVES = (
    ResultColumn("layout", "layout", text),
    ResultColumn("block", "tokens_per_block", text),
    ResultColumn("host blocks", "host_blocks", count),
    ResultColumn("policy", "policy", text),
    ResultColumn("TTFT ms", "ttft_ms", milliseconds),
    ResultColumn("p95", "ttft_p95_ms", milliseconds),
    ResultColumn("req/s", "requests_per_s", digits),
    ResultColumn("hit rate", "token_hit_rate", share),
    ResultColumn("memory MiB", "memory_bytes", mebibytes),
    ResultColumn("", "chosen", lambda chosen: "chosen" if chosen else ""),
)
PREDICTIONS = (
    ResultColumn("block", "tokens_per_block", text),
    ResultColumn("GPU blocks", "gpu_blocks", count),
    ResultColumn("host blocks", "host_blocks", count),
    ResultColumn("policy", "policy", text),
    ResultColumn("computed tokens", "computed_tokens", count),
    ResultColumn("whole time s", "makespan_ms", whole_time),
    ResultColumn("TTFT ms", "ttft_ms_mean", milliseconds),
    ResultColumn("p95", "ttft_ms_p95", milliseconds),
    ResultColumn("req/s", "requests_per_s", digits),
    ResultColumn("hit rate", "token_hit_rate", share),
    ResultColumn("LRU", "default_lru", share),
    ResultColumn("optimum", "optimum", share),
    ResultColumn("evictions", "evictions", count),
)
CURVE = (
    ResultColumn("GPU blocks", "gpu_blocks", count),
    ResultColumn("block hit rate", "block_hit_rate", share),
)
REUSE_TIMES = (
    ResultColumn("node", "node", text),
    ResultColumn("requests", "requests", count),
    ResultColumn("median reuse time s", "median_s", seconds),
    ResultColumn("never again", "never_share", share),
    ResultColumn("spread", "spread", digits),
    ResultColumn("explained", "explained", share),
    ResultColumn("shared tokens", "shared_tokens", count),
    ResultColumn("", "label", text),
)
EXPLAINED = (
    ResultColumn("request", "request", text),
    ResultColumn("node", "node", text),
    ResultColumn("prompt tokens", "prompt_tokens", count),
    ResultColumn("reused", "reused_tokens", count),
    ResultColumn("new", "new_tokens", count),
    ResultColumn("diverged", "diverged_tokens", count),
    ResultColumn("evicted", "evicted_tokens", count),
    ResultColumn("follows", "followed", text),
    ResultColumn("up to token", "token", count),
    ResultColumn("cause", "cause", text),
    ResultColumn("line", "line", text),
    ResultColumn("remedy", "remedy", text),
)
CAUSES = (
    ResultColumn("cause", "cause", text),
    ResultColumn("node", "node", text),
    ResultColumn("requests", "requests", count),
    ResultColumn("tokens again", "tokens", count),
    ResultColumn("", "tokens_label", text),
    ResultColumn("an hour", "tokens_per_hour", count),
    ResultColumn("mending gives", "mended_tokens", count),
)
NODES = (
    ResultColumn("node", "node", text),
    ResultColumn("requests", "requests", count),
    ResultColumn("failed", "failures", count),
    ResultColumn("computed tokens", "computed_tokens", count),
    ResultColumn("of prompt tokens", "prompt_tokens", count),
    ResultColumn("latency in all s", "latency_ms", whole_time),
    ResultColumn("TTFT ms", "ttft_ms_mean", milliseconds),
    ResultColumn("hit rate", "token_hit_rate", share),
)
VARIANTS = (
    ResultColumn("variant", "variant", text),
    ResultColumn("requests", "requests", count),
    ResultColumn("computed tokens", "computed_tokens", count),
    ResultColumn("whole time s", "elapsed_ms", whole_time),
    ResultColumn("latency p50 ms", "latency_ms_p50", milliseconds),
    ResultColumn("p95", "latency_ms_p95", milliseconds),
    ResultColumn("TTFT p50 ms", "ttft_ms_p50", milliseconds),
    ResultColumn("p95", "ttft_ms_p95", milliseconds),
    ResultColumn("hit rate", "token_hit_rate", share),
    ResultColumn("at most", "bound", share),
)
RUNS = (
    ResultColumn("run", "number", text),
    ResultColumn("variant", "variant", text),
    ResultColumn("state", "state", text),
    ResultColumn("agent", "agent", text),
    ResultColumn("when", "started_at_s", moment),
    ResultColumn("items", "items", count),
    ResultColumn("computed tokens", "computed_tokens", count),
    ResultColumn("of prompt tokens", "prompt_tokens", count),
    ResultColumn("whole time s", "whole_ms", whole_time),
    ResultColumn("TTFT ms", "ttft_ms", milliseconds),
    ResultColumn("p95", "ttft_ms_p95", milliseconds),
    ResultColumn("hit rate", "token_hit_rate", share),
)
REQUESTS = (
    ResultColumn("item", "item", text),
    ResultColumn("node", "node", text),
    ResultColumn("computed tokens", "computed_tokens", count),
    ResultColumn("of prompt tokens", "prompt_tokens", count),
    ResultColumn("latency ms", "latency_ms", milliseconds),
    ResultColumn("TTFT ms", "ttft_ms", milliseconds),
    ResultColumn("error", "error", text),
)
DIFFERENCES = (
    ResultColumn("figure", "figure", text),
    ResultColumn("before", "before", digits),
    ResultColumn("after", "after", digits),
    ResultColumn("change", "change", change),
    ResultColumn("at least", "change_low", change),
    ResultColumn("at most", "change_high", change),
)
CHANGES = (
    ResultColumn("place", "place", text),
    ResultColumn("key", "key", text),
    ResultColumn("live", "old", text),
    ResultColumn("new", "new", text),
    ResultColumn("cost", "cost", text),
    ResultColumn("loses", "loses", text),
    ResultColumn("not possible", "reason", text),
)
REVISIONS = (
    ResultColumn("revision", "revision", text),
    ResultColumn("state", "state", text),
    ResultColumn("when", "created_at_s", moment),
    ResultColumn("agent", "agent", text),
    ResultColumn("cost", "cost", text),
    ResultColumn("note", "note", text),
)
FIGURES = (ResultColumn("", "key", text), ResultColumn("", "value", digits))
ABILITIES = (
    ResultColumn("", "key", text),
    ResultColumn("", "value", text),
    ResultColumn("reason", "reason", text),
)
