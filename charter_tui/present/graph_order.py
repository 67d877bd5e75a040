"""Which calls the graph shows, in which order, and what those of a group come to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from charter_engine.contracts.live import NodeState, NodeStats
from charter_tui.present.tree import Tree, TreeRow
from charter_tui.state import share

GraphSort = Literal["run", "computed", "ttft", "missed", "failures"]
SORTS: Final[dict[GraphSort, str]] = {
    "run": "as it runs",
    "computed": "tokens computed",
    "ttft": "TTFT",
    "missed": "share computed",
    "failures": "failures",
}
_FIGURES: Final[dict[GraphSort, Callable[[NodeStats], float]]] = {
    "computed": lambda stats: stats.told_tokens - stats.reused_tokens,
    "ttft": lambda stats: stats.ttft_ms_mean or 0.0,
    "missed": lambda stats: (
        1 - (share(stats.reused_tokens, stats.told_tokens) or 0.0) if stats.told_tokens else -1.0
    ),
    "failures": lambda stats: stats.failures,
}
_STATES: Final[tuple[NodeState, ...]] = ("failed", "running", "waiting", "done", "idle")
"""Of a group's states the first that one of its calls has."""


@dataclass(frozen=True)
class GraphOrder:
    """Which calls are shown, and how: those with `text` in their name, as they run, or as a list by
    one of `SORTS`, the most first.

    `folded` are the keys of the groups that are folded; None: as they are at first.
    """

    text: str = ""
    sort: GraphSort = "run"
    folded: frozenset[str] | None = None

    @property
    def as_it_runs(self) -> bool:
        """Whether all calls are shown in the order in which they run, in their groups."""
        return self.sort == "run" and not self.text

    def in_words(self) -> str:
        """What was chosen; empty for all calls as they run."""
        parts = (
            f"only {self.text}" if self.text else "",
            f"by {SORTS[self.sort]}" if self.sort != "run" else "",
        )
        return ", ".join(part for part in parts if part)

    def next_sort(self) -> "GraphOrder":
        """The same calls, sorted by what comes next."""
        names = list(SORTS)
        return replace(self, sort=names[(names.index(self.sort) + 1) % len(names)])

    def toggled(self, key: str, tree: Tree) -> "GraphOrder":
        """With a group open that was folded, or folded that was open."""
        return replace(self, folded=self.folded_in(tree) ^ {key})

    def all_toggled(self, tree: Tree) -> "GraphOrder":
        """With every group open; folded where none was."""
        return replace(self, folded=frozenset() if self.folded_in(tree) else tree.groups)

    def folded_in(self, tree: Tree) -> frozenset[str]:
        """The groups of an agent that are folded."""
        return tree.folded_at_first if self.folded is None else self.folded & tree.groups

    def of(self, tree: Tree, stats: Mapping[str, NodeStats]) -> Sequence[TreeRow]:
        """The rows to show."""
        if self.as_it_runs:
            return list(tree.rows(self.folded_in(tree)))
        sought = self.text.lower()
        found = [row for row in tree.listed if sought in f"{row.key} {row.label}".lower()]
        if self.sort == "run":
            return found
        nothing, figure = NodeStats(node=""), _FIGURES[self.sort]
        return sorted(found, key=lambda row: -figure(stats.get(row.key, nothing)))


AS_IT_RUNS: Final = GraphOrder()


class Sums:
    """What the calls of each group come to, added up again only where one of them changed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[NodeStats | None, ...], NodeStats]] = {}

    def of(self, row: TreeRow, stats: Mapping[str, NodeStats]) -> NodeStats:
        """The sum of a group's calls."""
        parts = tuple(stats.get(node) for node in row.inside)
        before, known = self._known.get(row.key, ((), None))
        if known is not None and all(a is b for a, b in zip(before, parts, strict=True)):
            return known
        made = summed(row.key, [part for part in parts if part is not None])
        self._known[row.key] = (parts, made)
        return made


def summed(key: str, stats: Sequence[NodeStats]) -> NodeStats:
    """Several calls' totals as one: sums of what was counted, means of times by requests, and the
    state that matters most. A 95th percentile is the highest of theirs."""
    states = {one.state for one in stats}
    timed = [(one.ttft_ms_mean, one.requests) for one in stats if one.ttft_ms_mean is not None]
    requests = sum(count for _, count in timed)
    return NodeStats(
        node=key,
        state=next((state for state in _STATES if state in states), "idle"),
        reason=next((one.reason for one in stats if one.reason), ""),
        requests=sum(one.requests for one in stats),
        failures=sum(one.failures for one in stats),
        prompt_tokens=sum(one.prompt_tokens for one in stats),
        told_tokens=sum(one.told_tokens for one in stats),
        reused_tokens=sum(one.reused_tokens for one in stats),
        reused_blocks=sum(one.reused_blocks for one in stats),
        total_blocks=sum(one.total_blocks for one in stats),
        ttft_ms_mean=sum(t * count for t, count in timed) / requests if requests else None,
        ttft_ms_p95=_highest(one.ttft_ms_p95 for one in stats),
    )


def _highest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)
