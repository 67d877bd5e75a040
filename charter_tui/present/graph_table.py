"""Columns and rows of the graph screen.

They show per node what is measured, and the retention it runs with.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from charter_engine.contracts.live import NodeState, NodeStats
from charter_engine.contracts.plan import DEFAULT_PRIORITY, NodePlan, Plan
from charter_engine.contracts.prediction import NodePrediction, Prediction
from charter_tui.present.diagnostics import diagnostic_text
from charter_tui.present.figures import (
    MARKS,
    NOTHING,
    bar,
    count,
    duration_text,
    heat,
    legend,
    marked,
    milliseconds,
    percent,
    percent_text,
    priority_tone,
    short_count,
)
from charter_tui.present.graph_order import AS_IT_RUNS, GraphOrder, Sums
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, line_width, plain, wrap
from charter_tui.present.tables import Column, Row, fill
from charter_tui.present.tree import Tree, TreeRow, node_name, tree_of
from charter_tui.state import Snapshot, share

STATE_SIGNS: Final[dict[NodeState, tuple[str, Tone]]] = {
    "idle": ("○ idle", "muted"),
    "waiting": ("◌ waiting", "warning"),
    "running": ("▶ running", "accent"),
    "done": ("● done", "good"),
    "failed": ("✗ failed", "bad"),
}
NAME: Final = Column("name", "NODE", 0, "left")
STATE: Final = Column("state", "STATE", 9, "left")
REQUESTS: Final = Column("requests", "REQ", 5)
COMPUTED: Final = Column("computed", "COMPUTED", 8)
PROMPT: Final = Column("prompt", "PROMPT", 6)
BLOCKS: Final = Column("blocks", "KV BLOCKS", 11)
HIT: Final = Column("hit", "HIT", 7)
HIT_BAR: Final = Column("hit_bar", "", 12, "left")
HIT_PREDICTED: Final = Column("predicted", "PREDICTED", 9)
HIT_DRAFT: Final = Column("draft", "DRAFT", 7)
TTFT: Final = Column("ttft", "TTFT", 7)
TTFT_P95: Final = Column("ttft_p95", "TTFT P95", 8)
RETENTION: Final = Column("retention", "RETAIN", 9, "left")

NARROW: Final = (
    Column("sign", "S", 1, "left"),
    NAME,
    REQUESTS,
    COMPUTED,
    PROMPT,
    TTFT,
    HIT,
    HIT_PREDICTED._replace(heading="PREDICT", width=7),
    RETENTION._replace(width=7),
)
SMALL: Final = tuple(
    column
    for column in NARROW
    if column.key in ("sign", "name", "requests", "computed", "ttft", "hit")
)
SMALLEST: Final = tuple(
    column for column in SMALL if column.key in ("sign", "name", "computed", "hit")
)
NORMAL: Final = (NAME, STATE, REQUESTS, COMPUTED, PROMPT, TTFT, HIT, HIT_PREDICTED, RETENTION)
WIDE: Final = (
    NAME,
    STATE,
    REQUESTS,
    COMPUTED,
    PROMPT,
    TTFT,
    TTFT_P95,
    BLOCKS,
    HIT,
    HIT_BAR,
    HIT_PREDICTED,
    HIT_DRAFT,
    RETENTION._replace(width=12),
)


NARROW_BELOW: Final = 92
WIDE_FROM: Final = 134
_COLUMNS_BELOW: Final = ((48, SMALLEST), (72, SMALL), (NARROW_BELOW, NARROW), (WIDE_FROM, NORMAL))
_NEEDS_NAMED = 2
_FOLDS = ("▾ ", "▸ ")
"""In front of an open group, and of a folded one."""


def failure_lines(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """Why nodes failed, for the first few that did."""
    failed = [item for item in snapshot.shown_nodes if item.state == "failed"]
    lines: list[Line] = []
    for item in failed[:3]:
        lines += [
            line(Span(text, "bad"))
            for text in wrap(f"✗ {node_name(item.node)}: {item.reason}", width)[:2]
        ]
    return tuple(lines)


def legend_line(width: int) -> Line:
    """What the marks and signs of the table mean, as many as fit."""
    if width < NARROW_BELOW:
        signs = [Span(" ")]
        for text, tone in STATE_SIGNS.values():
            signs.append(Span(f" {text}", tone))
        return (*legend(), *signs)
    notes = (
        "  ↻ in a loop  ⇉ at once  ← needs  ↺ of the turn before",
        *(("  KV BLOCKS reused/all",) if width >= WIDE_FROM else ()),
        "  RETAIN priority, for how long",
    )
    kept = legend()
    for note in notes:
        if line_width(kept) + len(note) <= width:
            kept = (*kept, Span(note, "muted"))
    return kept


def columns_for(width: int) -> tuple[Column, ...]:
    """The columns that fit in `width` cells; the name takes what is left."""
    for below, chosen in _COLUMNS_BELOW:
        if width < below:
            return fill(chosen, width)
    return fill(WIDE, width)


class Drawing(NamedTuple):
    """What the cells of a row are made from: the snapshot, and what is predicted by node of the
    live plan and of the draft."""

    snapshot: Snapshot
    live: Mapping[str, NodePrediction]
    draft: Mapping[str, NodePrediction]

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Drawing":
        """With the draft only where it differs from what is live."""
        draft = snapshot.draft.predicted if snapshot.draft and snapshot.has_changes else None
        return cls(snapshot, _by_node(snapshot.live_prediction), _by_node(draft))


def _by_node(prediction: Prediction | None) -> Mapping[str, NodePrediction]:
    return {node.node: node for node in prediction.nodes} if prediction else {}


class GraphRows:
    """One row a call or a group of calls, one a heading.

    A row is made anew only if what it shows changed.
    """

    def __init__(self) -> None:
        self._rows: dict[str, tuple[tuple[object, ...], Row]] = {}
        self._sums = Sums()
        self.tree = Tree()

    def rows(
        self, snapshot: Snapshot, columns: Sequence[Column], order: GraphOrder = AS_IT_RUNS
    ) -> tuple[Row, ...]:
        """The rows for that snapshot."""
        if snapshot.calls is not self.tree.calls:
            self.tree = tree_of(snapshot.calls)
        stats = {item.node: item for item in snapshot.shown_nodes}
        shared = (tuple(columns), snapshot.plan, snapshot.draft, snapshot.live_prediction)
        shown = Drawing.of(snapshot)
        return tuple(
            self._row(shown, row, self._figures(row, stats), shared)
            for row in order.of(self.tree, stats)
        )

    def _figures(self, row: TreeRow, stats: Mapping[str, NodeStats]) -> NodeStats | None:
        return self._sums.of(row, stats) if row.inside else stats.get(row.key)

    def _row(
        self, shown: Drawing, row: TreeRow, stats: NodeStats | None, shared: tuple[object, ...]
    ) -> Row:
        known, made = self._rows.get(row.key, ((), None))
        if made and known and known[0] is row and known[1] == stats and _same(known[2:], shared):
            return made
        columns = shared[0]
        assert isinstance(columns, tuple)
        made = _row(shown, row, stats or NodeStats(node=row.key), columns)
        self._rows[row.key] = ((row, stats, *shared), made)
        return made


def _same(before: tuple[object, ...], after: tuple[object, ...]) -> bool:
    return all(
        one is other or one == other for one, other in zip(before[:1], after[:1], strict=True)
    ) and all(one is other for one, other in zip(before[1:], after[1:], strict=True))


def empty_lines(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """Why there is no graph yet, and what to do."""
    session = snapshot.session
    if snapshot.link.state != "connected" and session is None:
        words = snapshot.link.detail or "Starting the engine …"
    elif session is None or (
        session.agent and session.compiled is None and not session.diagnostics
    ):
        words = (session.phase if session else "") or "Reading the agent …"
    elif session.compiled and (errors := [*session.compiled.errors, *session.diagnostics]):
        words = diagnostic_text(errors[0])
    elif session.diagnostics:
        words = diagnostic_text(session.diagnostics[0])
    elif session.agent:
        words = "This agent makes no LLM call that Charter recognises. Press o to open another."
    elif session.phase in ("", "ready"):
        words = "No agent is open. Press o to open one."
    else:
        words = f"No agent is open yet: {session.phase}. Press o to open one."
    return (EMPTY, *(line(Span(f"  {text}", "muted")) for text in wrap(words, max(20, width - 4))))


def _row(shown: Drawing, row: TreeRow, stats: NodeStats, columns: tuple[Column, ...]) -> Row:
    if row.call is None and not row.inside:
        return Row(
            row.key,
            (line(Span(plain(row.label), "title")), *(EMPTY for _ in columns[1:])),
            pickable=False,
        )
    return Row(row.key, tuple(_CELLS[column.key](shown, row, stats) for column in columns))


Cell = Callable[[Drawing, TreeRow, NodeStats], Line]


def _name(_shown: Drawing, row: TreeRow, _stats: NodeStats) -> Line:
    parts = [Span("  " * row.depth + (_FOLDS[row.folded] if row.inside else ""), "muted")]
    if row.group == "loop":
        parts += [Span("↻ ", "accent"), Span(plain(row.label), "text")]
    else:
        parts += [Span(plain(row.label), "text"), Span(row.place, "muted")]
    if row.group == "wave":
        parts.append(Span(f" ⇉ {len(row.inside)}", "accent"))
    elif row.group == "loop":
        parts.append(Span(f"  {len(row.inside)} calls", "muted"))
    elif row.call is not None:
        repeated = row.call.in_loop or row.call.repeated_by
        parts.append(Span((" ↻" if repeated else "") + (" ⇉" if row.call.fanout else ""), "accent"))
    parts.append(Span(_joined(" ↺ ", row.loops_from) + _joined(" ← ", row.needs), "muted"))
    return tuple(parts)


def _joined(sign: str, names: Sequence[str]) -> str:
    """The first of the names behind a sign, and how many more there are."""
    if not names:
        return ""
    more = f" +{len(names) - _NEEDS_NAMED}" if len(names) > _NEEDS_NAMED else ""
    return plain(sign + ", ".join(names[:_NEEDS_NAMED]) + more)


def _state(_shown: Drawing, _row: TreeRow, stats: NodeStats) -> Line:
    text, tone = STATE_SIGNS[stats.state]
    return line(Span(text, tone))


def _sign(_shown: Drawing, _row: TreeRow, stats: NodeStats) -> Line:
    text, tone = STATE_SIGNS[stats.state]
    return line(Span(text[0], tone))


def _requests(_shown: Drawing, _row: TreeRow, stats: NodeStats) -> Line:
    return line(count(stats.requests or None, "measured"))


def _computed(_shown: Drawing, _row: TreeRow, stats: NodeStats) -> Line:
    computed = stats.told_tokens - stats.reused_tokens
    return line(marked(short_count(computed), "measured") if stats.told_tokens else NOTHING)


def _prompt(_shown: Drawing, _row: TreeRow, stats: NodeStats) -> Line:
    return line(marked(short_count(stats.prompt_tokens), "measured") if stats.requests else NOTHING)


def _blocks(_shown: Drawing, _row: TreeRow, stats: NodeStats) -> Line:
    if not stats.total_blocks:
        return line(NOTHING)
    return line(
        marked(f"{short_count(stats.reused_blocks)}/{short_count(stats.total_blocks)}", "measured")
    )


def _hit(_shown: Drawing, _row: TreeRow, stats: NodeStats) -> Line:
    rate = share(stats.reused_tokens, stats.told_tokens)
    return line(
        NOTHING if rate is None else Span(f"{MARKS['measured']}{percent_text(rate)}", heat(rate))
    )


def _hit_bar(_shown: Drawing, _row: TreeRow, stats: NodeStats) -> Line:
    rate = share(stats.reused_tokens, stats.told_tokens)
    return EMPTY if rate is None else bar(rate, HIT_BAR.width, heat(rate))


def _predicted(shown: Drawing, row: TreeRow, _stats: NodeStats) -> Line:
    return line(_predicted_rate(shown.live, row))


def _draft(shown: Drawing, row: TreeRow, _stats: NodeStats) -> Line:
    return line(_predicted_rate(shown.draft, row))


def _predicted_rate(shares: Mapping[str, NodePrediction], row: TreeRow) -> Span:
    """The hit rate that is predicted of a call, or of a group's calls together."""
    found = [shares[node] for node in row.inside or (row.key,) if node in shares]
    reused, prompt = sum(n.reused_tokens for n in found), sum(n.prompt_tokens for n in found)
    return percent(share(reused, prompt), "predicted")


def _ttft(_shown: Drawing, _row: TreeRow, stats: NodeStats) -> Line:
    return line(milliseconds(stats.ttft_ms_mean, "measured"))


def _ttft_p95(_shown: Drawing, _row: TreeRow, stats: NodeStats) -> Line:
    return line(milliseconds(stats.ttft_ms_p95, "measured"))


def _retention(shown: Drawing, row: TreeRow, _stats: NodeStats) -> Line:
    snapshot = shown.snapshot
    if row.inside:
        return _retention_of_group(snapshot, row)
    live = retention_summary(snapshot.plan, row.key)
    draft = retention_summary(snapshot.draft_plan, row.key)
    if draft != live:
        return line(Span("*", "draft"), Span(draft.text, "draft"))
    return line(live)


def _retention_of_group(snapshot: Snapshot, row: TreeRow) -> Line:
    """What a group's calls have in common."""
    found = {retention_summary(snapshot.plan, node) for node in row.inside}
    return line(found.pop() if len(found) == 1 else Span("several", "muted"))


_CELLS: Final[dict[str, Cell]] = {
    "name": _name,
    "sign": _sign,
    "state": _state,
    "requests": _requests,
    "computed": _computed,
    "prompt": _prompt,
    "blocks": _blocks,
    "hit": _hit,
    "hit_bar": _hit_bar,
    "predicted": _predicted,
    "draft": _draft,
    "ttft": _ttft,
    "ttft_p95": _ttft_p95,
    "retention": _retention,
}


def node_plan(plan: Plan | None, node: str) -> NodePlan:
    """That node's plan; the default where the plan does not name it."""
    return plan.nodes.get(node, NodePlan()) if plan else NodePlan()


def retention_summary(plan: Plan | None, node: str) -> Span:
    """Priority and duration in a few characters.

    They are the highest range's, with the number of ranges beside it.
    """
    ranges = node_plan(plan, node).retention
    if not ranges:
        return Span(f"{DEFAULT_PRIORITY} ∞", "retention-default")
    first = max(ranges, key=lambda item: item.priority)
    more = f" +{len(ranges) - 1}" if len(ranges) > 1 else ""
    return Span(
        f"{first.priority} {duration_text(first.duration_ms)}{more}", priority_tone(first.priority)
    )
