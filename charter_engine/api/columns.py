"""The columns of the tables that results print as: what is paid first, rates behind it."""

from collections.abc import Callable
from time import localtime, strftime
from typing import NamedTuple

from charter_engine.api.rows import Value

UNKNOWN = "-"


class Column(NamedTuple):
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
    Column("call", "call", text),
    Column("line", "line", text),
    Column("family", "family", text),
    Column("loop", "loop", text),
    Column("takes from", "takes_from", text),
    Column("static tokens", "static_tokens", count),
    Column("", "static_tokens_label", text),
)
OPPORTUNITIES = (
    Column("pattern", "pattern", text),
    Column("calls", "calls", text),
    Column("shared tokens", "shared_tokens", count),
    Column("", "shared_tokens_label", text),
    Column("expected hit rate", "expected_hit_rate", share),
    Column("", "expected_hit_rate_label", text),
)
FINDINGS = (
    Column("path", "path", text),
    Column("line", "line", text),
    Column("severity", "severity", text),
    Column("rule", "rule", text),
    Column("tokens a call", "tokens_per_call", count),
    Column("what", "message", text),
    Column("remedy", "remedy", text),
)
COMPARED = (
    Column("", "what", text),
    Column("layout", "layout", text),
    Column("block", "tokens_per_block", text),
    Column("computed tokens", "computed_tokens", count),
    Column("whole time s", "makespan_ms", whole_time),
    Column("TTFT ms", "ttft_ms_mean", milliseconds),
    Column("hit rate", "token_hit_rate", share),
    Column("at most", "bound", share),
    Column("memory MiB", "memory_bytes", mebibytes),
)
SETTINGS = (
    Column("place", "place", text),
    Column("setting", "setting", text),
    Column("value", "value", text),
    Column("why", "why", text),
    Column("", "label", text),
)
ALTERNATIVES = (
    Column("layout", "layout", text),
    Column("block", "tokens_per_block", text),
    Column("host blocks", "host_blocks", count),
    Column("policy", "policy", text),
    Column("TTFT ms", "ttft_ms", milliseconds),
    Column("hit rate", "token_hit_rate", share),
    Column("memory MiB", "memory_bytes", mebibytes),
    Column("", "chosen", lambda chosen: "chosen" if chosen else ""),
)
PREDICTIONS = (
    Column("block", "tokens_per_block", text),
    Column("GPU blocks", "gpu_blocks", count),
    Column("host blocks", "host_blocks", count),
    Column("policy", "policy", text),
    Column("computed tokens", "computed_tokens", count),
    Column("whole time s", "makespan_ms", whole_time),
    Column("TTFT ms", "ttft_ms_mean", milliseconds),
    Column("p95", "ttft_ms_p95", milliseconds),
    Column("hit rate", "token_hit_rate", share),
    Column("LRU", "default_lru", share),
    Column("optimum", "optimum", share),
    Column("evictions", "evictions", count),
)
CURVE = (
    Column("GPU blocks", "gpu_blocks", count),
    Column("block hit rate", "block_hit_rate", share),
)
REUSE_TIMES = (
    Column("node", "node", text),
    Column("requests", "requests", count),
    Column("median reuse time s", "median_s", seconds),
    Column("never again", "never_share", share),
    Column("spread", "spread", digits),
    Column("explained", "explained", share),
    Column("shared tokens", "shared_tokens", count),
    Column("", "label", text),
)
NODES = (
    Column("node", "node", text),
    Column("requests", "requests", count),
    Column("failed", "failures", count),
    Column("computed tokens", "computed_tokens", count),
    Column("of prompt tokens", "prompt_tokens", count),
    Column("latency in all s", "latency_ms", whole_time),
    Column("TTFT ms", "ttft_ms_mean", milliseconds),
    Column("hit rate", "token_hit_rate", share),
)
VARIANTS = (
    Column("variant", "variant", text),
    Column("requests", "requests", count),
    Column("computed tokens", "computed_tokens", count),
    Column("whole time s", "elapsed_ms", whole_time),
    Column("latency p50 ms", "latency_ms_p50", milliseconds),
    Column("p95", "latency_ms_p95", milliseconds),
    Column("TTFT p50 ms", "ttft_ms_p50", milliseconds),
    Column("p95", "ttft_ms_p95", milliseconds),
    Column("hit rate", "token_hit_rate", share),
    Column("at most", "bound", share),
)
CHANGES = (
    Column("place", "place", text),
    Column("key", "key", text),
    Column("live", "old", text),
    Column("new", "new", text),
    Column("cost", "cost", text),
    Column("loses", "loses", text),
    Column("not possible", "reason", text),
)
REVISIONS = (
    Column("revision", "revision", text),
    Column("state", "state", text),
    Column("when", "created_at_s", moment),
    Column("agent", "agent", text),
    Column("cost", "cost", text),
    Column("note", "note", text),
)
FIGURES = (Column("", "key", text), Column("", "value", digits))
ABILITIES = (
    Column("", "key", text),
    Column("", "value", text),
    Column("reason", "reason", text),
)
