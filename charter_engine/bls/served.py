"""What a record of the tap says of a request, its prompt's hashes apart."""

from .answer import Answer
from .laying import Laying
from .prompt import Arrival, Prompt
from .reuse_times import UNMATCHED

OWN_RUN = "run"
SOURCES = (OWN_RUN, "program", "gateway")
"""What a request may say of who sent it; of others nothing is known."""


def record_of(
    arrival: Arrival,
    prompt: Prompt | None,
    answer: Answer | None,
    *,
    error: str,
    cancelled: bool,
    at: float,
    total_s: float,
    revision: int,
) -> dict[str, str | float | None]:
    """The fields of `charter_engine.contracts.traffic.TrafficRecord`; None and empty ones say
    nothing.

    `prompt` and `answer` are None where the request did not come so far. `at` is the epoch second
    of its arrival.
    """
    numbers = answer.numbers if answer else {}
    laying = prompt.laying if prompt else Laying()
    node, unmatched = _belongs(arrival, prompt)
    return {
        "at": round(at, 3),
        "revision": revision,
        "agent": arrival.agent,
        "run": arrival.run,
        "source": _source(arrival),
        "request_id": arrival.request_id,
        "session": arrival.session,
        "node": node,
        "form": prompt.form if prompt else "",
        "unmatched": unmatched,
        "laid_out": laying.texts is not None or None,
        "layout_reason": laying.reason,
        "arm": laying.arm,
        "trial_unit": laying.unit,
        "prompt_tokens": len(prompt.token_ids) if prompt else None,
        "output_tokens": len(answer.ids) if answer else None,
        "reused_tokens": answer.reused_tokens if answer else None,
        "reused_blocks": answer.reused_blocks if answer else None,
        "missed_blocks": answer.missed_blocks if answer else None,
        "alloc_new_blocks": numbers.get("kv_cache_alloc_new_blocks"),
        "alloc_total_blocks": numbers.get("kv_cache_alloc_total_blocks"),
        "queue_ms": _milliseconds(answer.queue_seconds if answer else None),
        "ttft_ms": _milliseconds(answer.ttft_seconds if answer else None),
        "total_ms": _milliseconds(total_s),
        "finish": _finish(arrival, answer, error, cancelled),
        "error": error,
    }


def _belongs(arrival: Arrival, prompt: Prompt | None) -> tuple[str, str]:
    """The node of a request, or why it has none. While no plan has nodes, its client knows best."""
    if prompt is None:
        return "", "refused before its node was looked for"
    if prompt.node != UNMATCHED:
        return prompt.node, ""
    return (arrival.node, "") if arrival.node else ("", prompt.unmatched)


def _source(arrival: Arrival) -> str:
    """Who sent the request: what it says itself, else a run of Charter's own where it names one."""
    if arrival.source in SOURCES:
        return arrival.source
    return OWN_RUN if arrival.run else ""


def _finish(arrival: Arrival, answer: Answer | None, error: str, cancelled: bool) -> str:
    """Why generation ended. The engine does not say: an answer as long as was asked for ended for
    its length."""
    if cancelled:
        return "cancelled"
    if error or answer is None:
        return "error"
    return "length" if len(answer.ids) >= arrival.max_tokens else "stop"


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
