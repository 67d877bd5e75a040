"""The rows of the graph screen.

They show per node what is measured, and the retention it runs with.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import is_
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
    sparkline,
)
from charter_tui.present.graph_columns import HIT_BAR, NARROW_BELOW, WIDE_FROM
from charter_tui.present.graph_order import AS_IT_RUNS, GraphOrder, Sums
from charter_tui.present.possible import no_agent, with_ways
from charter_tui.present.spans import EMPTY, Line, Span, Tone, crop, line, line_width, plain, wrap
from charter_tui.present.tables import Column, Row
from charter_tui.present.tree import Tree, TreeRow, tree_of
from charter_tui.state import Snapshot, share
from charter_tui.trends import Trend, of_all

STATE_SIGNS: Final[dict[NodeState, tuple[str, Tone]]] = {
    "idle": ("○ idle", "muted"),
    "waiting": ("◌ waiting", "warning"),
    "running": ("▶ running", "accent"),
    "done": ("● done", "good"),
    "failed": ("✗ failed", "bad"),
}
_NO_CALL: Final = "This agent makes no LLM call that Charter recognises"
_ANOTHER: Final = (("app.open_agent", "o opens another"),)
_NEEDS_NAMED = 2
"""Assumed: a name of the calls before is enough to find them; the rest are counted."""
_FOLDS = ("▾ ", "▸ ")
"""In front of an open group, and of a folded one."""


def failure_lines(snapshot: Snapshot, width: int, each: int = 2) -> tuple[Line, ...]:
    """Why nodes of the open agent failed, for the first few that did, in at most so many lines
    `each`."""
    failed = [item for item in snapshot.shown_nodes if item.state == "failed"]
    lines: list[Line] = []
    for item in failed[:3] if snapshot.calls else ():
        texts = wrap(f"✗ {snapshot.named(item.node)}: {item.reason}", width)
        told = (*texts[: each - 1], " ".join(texts[each - 1 :]))
        lines += [crop(line(Span(text, "bad")), width) for text in told if text]
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
        *(("  TREND computed a request, KV BLOCKS reused/all",) if width >= WIDE_FROM else ()),
        "  RETAIN priority, for how long",
    )
    kept = legend()
    for note in notes:
        if line_width(kept) + len(note) <= width:
            kept = (*kept, Span(note, "muted"))
    return kept


class Drawing(NamedTuple):
    """What the cells of a row are made from, beside its totals: the plans, and by node what is
    predicted of the live one and of the draft. `trend` is what its latest requests computed."""

    plan: Plan | None
    draft_plan: Plan | None
    live: Mapping[str, NodePrediction]
    draft: Mapping[str, NodePrediction]
    trend: Trend = ()

    @classmethod
    def of(cls, snapshot: Snapshot) -> "Drawing":
        """With the draft only where it differs from what is live."""
        draft = snapshot.draft.predicted if snapshot.draft and snapshot.has_changes else None
        live = _by_node(snapshot.live_prediction)
        return cls(snapshot.plan, snapshot.draft_plan, live, _by_node(draft))


def _by_node(prediction: Prediction | None) -> Mapping[str, NodePrediction]:
    return {node.node: node for node in prediction.nodes} if prediction else {}


class GraphRows:
    """One row a call or a group of calls, one a heading.

    A row is made anew only if what it shows changed.
    """

    def __init__(self) -> None:
        self._rows: dict[str, tuple[tuple[object, ...], Row]] = {}
        self._shared: tuple[object, ...] = ()
        self._drawing = Drawing(None, None, {}, {})
        self._sums = Sums()
        self.tree = Tree()
        self.running: str | None = None
        """The first row whose call runs, or one of whose calls does."""

    def rows(
        self, snapshot: Snapshot, columns: Sequence[Column], order: GraphOrder = AS_IT_RUNS
    ) -> tuple[Row, ...]:
        """The rows for that snapshot."""
        if snapshot.calls is not self.tree.calls:
            self.tree = tree_of(snapshot.calls)
        shared = (snapshot.plan, snapshot.draft, snapshot.live_prediction, *columns)
        if not _same(shared, self._shared):
            self._rows, self._shared, self._drawing = {}, shared, Drawing.of(snapshot)
        stats = {item.node: item for item in snapshot.shown_nodes}
        trends = snapshot.shown_trends if any(one.key == "trend" for one in columns) else {}
        shown = [(row, self._totals(row, stats)) for row in order.of(self.tree, stats)]
        self.running = next((row.key for row, totals in shown if totals.state == "running"), None)
        return tuple(
            self._row(row, totals, _trend_of(row, trends), columns) for row, totals in shown
        )

    def _totals(self, row: TreeRow, stats: Mapping[str, NodeStats]) -> NodeStats:
        found = self._sums.of(row, stats) if row.inside else stats.get(row.key)
        return found or NodeStats(node=row.key)

    def _row(self, row: TreeRow, stats: NodeStats, trend: Trend, columns: Sequence[Column]) -> Row:
        made_of, made = self._rows.get(row.key, ((), None))
        if made is None or made_of != (row, stats, trend):
            cells = partial(_cells, self._drawing, row, stats, trend, columns)
            made = Row(row.key, cells, _pickable(row))
            self._rows[row.key] = ((row, stats, trend), made)
        return made


def _trend_of(row: TreeRow, trends: Mapping[str, Trend]) -> Trend:
    if row.inside:
        return of_all(trends.get(node, ()) for node in row.inside)
    return trends.get(row.key, ())


def _same(before: Sequence[object], after: Sequence[object]) -> bool:
    return len(before) == len(after) and all(map(is_, before, after))


def empty_lines(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """Why there is no graph yet, and what to do."""
    session = snapshot.session
    if snapshot.link.state != "connected" and session is None:
        words = snapshot.link.detail or "Starting the engine …"
    elif snapshot.replaying and not (session and session.compiled):
        words = "The recording does not hold the agent's calls at this point."
    elif session is None or (
        session.agent and session.compiled is None and not session.diagnostics
    ):
        words = (session.phase if session else "") or "Reading the agent …"
    elif session.compiled and (errors := [*session.compiled.errors, *session.diagnostics]):
        words = diagnostic_text(errors[0])
    elif session.diagnostics:
        words = diagnostic_text(session.diagnostics[0])
    elif session.agent:
        words = with_ways(snapshot, _NO_CALL, _ANOTHER)
    elif session.phase in ("", "ready"):
        words = no_agent(snapshot).text
    else:
        words = f"No agent is open yet: {session.phase}."
    return (EMPTY, *(line(Span(f"  {text}", "muted")) for text in wrap(words, max(20, width - 4))))


def _pickable(row: TreeRow) -> bool:
    return row.call is not None or bool(row.inside)


def _cells(
    shared: Drawing, row: TreeRow, stats: NodeStats, trend: Trend, columns: Sequence[Column]
) -> tuple[Line, ...]:
    if not _pickable(row):
        return (line(Span(plain(row.label), "title")), *(EMPTY for _ in columns[1:]))
    drawing = shared._replace(trend=trend)
    return tuple(_CELLS[column.key](drawing, row, stats) for column in columns)


Cell = Callable[[Drawing, TreeRow, NodeStats], Line]


def _name(_shown: Drawing, row: TreeRow, _stats: NodeStats) -> Line:
    parts = [Span("  " * row.depth + (_FOLDS[row.folded] if row.inside else ""), "muted")]
    if row.group == "loop":
        parts += [Span("↻ ", "accent"), Span(plain(row.label), "text")]
    else:
        parts += [Span(plain(row.label), "text")]
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


def _trend(shown: Drawing, _row: TreeRow, _stats: NodeStats) -> Line:
    return line(Span(sparkline(shown.trend), "accent"))


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
    if row.inside:
        return _retention_of_group(shown.plan, row)
    live = retention_summary(shown.plan, row.key)
    draft = retention_summary(shown.draft_plan, row.key)
    if draft != live:
        return line(Span("*", "draft"), Span(draft.text, "draft"))
    return line(live)


def _retention_of_group(plan: Plan | None, row: TreeRow) -> Line:
    """What a group's calls have in common."""
    found = {retention_summary(plan, node) for node in row.inside}
    return line(found.pop() if len(found) == 1 else Span("several", "muted"))


_CELLS: Final[dict[str, Cell]] = {
    "name": _name,
    "sign": _sign,
    "state": _state,
    "requests": _requests,
    "computed": _computed,
    "trend": _trend,
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
