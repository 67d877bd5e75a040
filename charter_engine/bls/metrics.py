"""Per-node metrics on Triton's own metrics page."""

import time
from collections import Counter
from queue import SimpleQueue
from threading import Thread
from typing import Any

from .laying import Laying
from .plan import ServedPlan
from .reuse_times import UNMATCHED

TTFT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Taken from Prometheus' own, those of three quarters left out, and 30 s for long prompts."""
COUNTERS = {
    "requests": ("charter_node_requests_total", "Requests answered"),
    "failures": ("charter_node_failures_total", "Requests that the engine failed"),
    "prompt_tokens": ("charter_node_prompt_tokens_total", "Prompt tokens"),
    "reused_tokens": ("charter_node_reused_tokens_total", "Prompt tokens taken from the KV cache"),
    "reused_blocks": ("charter_node_kv_blocks_reused_total", "Prompt blocks found in the KV cache"),
    "missed_blocks": (
        "charter_node_kv_blocks_missed_total",
        "Prompt blocks that had to be computed",
    ),
}
TTFT = ("charter_node_time_to_first_token_seconds", "From arrival at the engine to the first token")
REFRESHES = (
    "charter_restamps_total",
    "Answered requests whose blocks were, or were not, asked for anew",
)
OUTCOMES = ("sent", "demoted", "overtaken", "stale", "busy", "failed")
"""What became of a retention refresh.

It was sent, it demoted a prompt, the session's next request came first, its blocks were presumably
evicted, clients waited for too long or worthier ones did, or it failed.
"""

LAYOUTS = (
    "charter_node_layouts_total",
    "Requests of nodes that have a layout: laid out, or why they went on as they came",
)
LAID_OUT = "laid out"

GATHER_SECONDS = 0.02
"""Assumed: counters are read once a second at most."""

Update = tuple[str | None, float | None, dict[str, int | None]]
"""The node, or None for what concerns no node; the time to the first token; and what to add to
which counter."""


class NodeMetrics:
    """One metric per family and node of the plan, and one for prompts that match none: never more
    labels.

    `backend` is Triton's `triton_python_backend_utils`. The families are kept: a metric whose
    family was collected raises on every later increment.
    """

    def __init__(self, backend: Any, plan: ServedPlan) -> None:
        family = backend.MetricFamily
        self._families: dict[str, Any] = {
            key: family(name=name, description=text, kind=family.COUNTER)
            for key, (name, text) in COUNTERS.items()
        }
        self._families["ttft"] = family(name=TTFT[0], description=TTFT[1], kind=family.HISTOGRAM)
        self._about = {"agent": plan.agent, "revision": str(plan.revision)}
        self._layouts = family(name=LAYOUTS[0], description=LAYOUTS[1], kind=family.COUNTER)
        self._metrics: dict[str | None, dict[str, Any]] = {}
        for node in (*plan.nodes, UNMATCHED):
            labels = {**self._about, "node": node}
            self._metrics[node] = {
                key: item.Metric(labels=labels, buckets=list(TTFT_BUCKETS))
                if key == "ttft"
                else item.Metric(labels=labels)
                for key, item in self._families.items()
            }
        if plan.reuse_times is not None:
            self._families["refreshes"] = family(
                name=REFRESHES[0], description=REFRESHES[1], kind=family.COUNTER
            )
            refreshes = self._families["refreshes"]
            self._metrics[None] = {
                outcome: refreshes.Metric(labels={**self._about, "outcome": outcome})
                for outcome in OUTCOMES
            }
        self._updates: SimpleQueue[Update | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="metrics", daemon=True)
        self._thread.start()

    def count(self, node: str, ttft_seconds: float | None = None, **amounts: int | None) -> None:
        """Add to a node's counters; what the engine did not tell (None) is left out. Callable from
        any thread.

        One thread of our own does the increments, in the order of the calls: Triton 2.51 crashes
        when several threads of a Python model change metrics at once, and each costs a round trip
        that no request need wait for.
        """
        self._updates.put((node, ttft_seconds, amounts))

    def count_layout(self, node: str, laying: Laying) -> None:
        """Count what became of a prompt's layout, if its node has one. Callable from any thread."""
        outcome = LAID_OUT if laying.texts is not None else laying.reason
        if outcome:
            self._updates.put((node, None, {outcome: 1}))

    def count_refresh(self, outcome: str) -> None:
        """Count a retention refresh by what became of it. Callable from any thread."""
        self._updates.put((None, None, {outcome: 1}))

    def close(self) -> None:
        """Do what is left to do."""
        self._updates.put(None)
        self._thread.join()

    def _work(self) -> None:
        """Add up what gathers in a short while.

        So a busy model is never behind, and pays for few round trips.
        """
        open_ended = True
        while open_ended:
            updates = [self._updates.get()]
            time.sleep(GATHER_SECONDS)
            while not self._updates.empty():
                updates.append(self._updates.get())
            open_ended = None not in updates
            self._apply([update for update in updates if update is not None])

    def _apply(self, updates: list[Update]) -> None:
        sums: Counter[tuple[str | None, str]] = Counter()
        for node, ttft_seconds, amounts in updates:
            sums.update({(node, key): amount for key, amount in amounts.items() if amount})
            if ttft_seconds is not None:
                self._metrics[node]["ttft"].observe(ttft_seconds)
        for (node, key), amount in sums.items():
            self._metric(node, key).increment(amount)

    def _metric(self, node: str | None, key: str) -> Any:
        """The counter of a node; one of an outcome of its layout is made when it first comes."""
        metrics = self._metrics[node]
        if key not in metrics:
            labels = {**self._about, "node": node, "outcome": key}
            metrics[key] = self._layouts.Metric(labels=labels)
        return metrics[key]
