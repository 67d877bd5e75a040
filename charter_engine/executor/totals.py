"""A node's measured totals, kept while requests come and go."""

import statistics
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from charter_engine.bls.reuse_times import UNMATCHED
from charter_engine.contracts.live import NodeState, NodeStats, RequestRecord
from charter_engine.traffic.figures import P95

RECENT_TTFTS = 1_000
"""Of so many the 95th percentile rests on 50; 8 bytes each."""
SHOWN_OUTPUT_CHARACTERS = 300
"""Of the last answer, which every console and recording gets with the totals."""


@dataclass
class _Node:
    pending: int = 0
    running: int = 0
    requests: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    told_tokens: int = 0
    reused_tokens: int = 0
    reused_blocks: int = 0
    total_blocks: int = 0
    reason: str = ""
    output_text: str = ""
    ttfts: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_TTFTS))

    def count(self, record: RequestRecord) -> None:
        """Add a request that ended."""
        if record.error is not None:
            self.failures += 1
            self.reason = record.error
            return
        self.requests += 1
        self.reason = ""
        self.prompt_tokens += record.prompt_tokens or 0
        if record.reused_tokens is not None:
            self.told_tokens += record.prompt_tokens or 0
            self.reused_tokens += record.reused_tokens
        if record.reused_blocks is not None and record.missed_blocks is not None:
            self.reused_blocks += record.reused_blocks
            self.total_blocks += record.reused_blocks + record.missed_blocks
        if record.ttft_ms is not None:
            self.ttfts.append(record.ttft_ms)


class NodeTotals:
    """The totals of an agent's nodes, in source order, since they were last reset.

    What belongs to none of them is counted together.
    """

    def __init__(self, nodes: Iterable[str]) -> None:
        self._nodes = {node: _Node() for node in nodes}
        self._unmatched = _Node()
        self._page: dict[str, NodeStats] = {}

    def reset(self) -> None:
        """Forget what was counted; requests under way stay under way."""
        for name, old in self._nodes.items():
            self._nodes[name] = _Node(pending=old.pending, running=old.running)
        self._unmatched = _Node()

    def planned(self, counts: Mapping[str, int]) -> None:
        """A run begins that will send `counts` requests a node."""
        for name, node in self._nodes.items():
            node.pending = counts.get(name, 0)
            node.reason = ""

    def abandoned(self) -> None:
        """The run ended: nothing more is pending."""
        for node in self._nodes.values():
            node.pending = node.running = 0

    def skipped(self, node: str) -> None:
        """A planned request will not be sent."""
        self._nodes[node].pending = max(0, self._nodes[node].pending - 1)

    def started(self, node: str) -> None:
        self._nodes[node].pending = max(0, self._nodes[node].pending - 1)
        self._nodes[node].running += 1

    def troubled(self, node: str, reason: str) -> None:
        """A request under way met an error and will be sent again."""
        self._nodes[node].reason = reason

    def withdrawn(self, node: str) -> None:
        """A request under way was cancelled."""
        self._nodes[node].running = max(0, self._nodes[node].running - 1)

    def finished(self, record: RequestRecord, text: str) -> None:
        """Count a request that ended, well or not."""
        node = self._nodes[record.node]
        node.running = max(0, node.running - 1)
        node.count(record)
        if record.error is None:
            node.output_text = text[:SHOWN_OUTPUT_CHARACTERS]

    def passed(self, record: RequestRecord) -> None:
        """Count a request that somebody else sent."""
        self._nodes.get(record.node, self._unmatched).count(record)

    def read_on_page(self, page: Iterable[NodeStats]) -> None:
        """Give these totals in place of those counted here (none: those counted here again)."""
        self._page = {item.node: item for item in page}

    def stats(self) -> tuple[NodeStats, ...]:
        """One of each node, and behind them one of what belongs to none, where there is any."""
        counted = {**self._nodes, UNMATCHED: self._unmatched}
        told = [self._told(name, node) for name, node in counted.items()]
        others = told[-1]
        return tuple(told if others.requests or others.failures else told[:-1])

    def _told(self, name: str, node: _Node) -> NodeStats:
        stats = _stats(name, node)
        if not self._page:
            return stats
        read = self._page.get(name, NodeStats(node=name))
        return replace(
            stats,
            source="metrics page",
            requests=read.requests,
            failures=read.failures,
            prompt_tokens=read.prompt_tokens,
            reused_tokens=read.reused_tokens,
            reused_blocks=read.reused_blocks,
            total_blocks=read.total_blocks,
        )


def _stats(name: str, node: _Node) -> NodeStats:
    times = sorted(node.ttfts)
    return NodeStats(
        node=name,
        state=_state(node),
        reason=node.reason,
        requests=node.requests,
        failures=node.failures,
        prompt_tokens=node.prompt_tokens,
        told_tokens=node.told_tokens,
        reused_tokens=node.reused_tokens,
        reused_blocks=node.reused_blocks,
        total_blocks=node.total_blocks,
        ttft_ms_last=node.ttfts[-1] if times else None,
        ttft_ms_mean=statistics.fmean(times) if times else None,
        ttft_ms_p95=times[min(len(times) - 1, int(P95 * len(times)))] if times else None,
        output_text=node.output_text,
    )


def _state(node: _Node) -> NodeState:
    if node.reason:
        return "failed"
    if node.running:
        return "running"
    if node.pending:
        return "waiting"
    return "done" if node.requests else "idle"
