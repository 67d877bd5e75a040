"""The tuning screen: settings and retention of the draft beside what is live.

And what each is predicted to do.
"""

from collections.abc import Iterator
from typing import Final

from charter_engine.contracts.deploy import Change
from charter_engine.contracts.figures import Label
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.prediction import Prediction
from charter_engine.contracts.settings import SERVER_SETTINGS
from charter_tui.present.diff import COST_TONES
from charter_tui.present.figures import (
    NOTHING,
    byte_size,
    count,
    marked,
    milliseconds,
    percent,
    percent_text,
)
from charter_tui.present.graph_table import node_plan, retention_summary
from charter_tui.present.spans import EMPTY, Line, Span, fit, line, plain
from charter_tui.present.tables import Column, Row, fill
from charter_tui.present.tree import split_id
from charter_tui.state import Snapshot, share

SETTING: Final = Column("setting", "SETTING", 0, "left")
LIVE: Final = Column("live", "LIVE", 14, "left")
DRAFT: Final = Column("draft", "DRAFT", 13, "left")
COST: Final = Column("cost", "COST OF PUSH", 14, "left")
ABOUT: Final = Column("about", "", 0, "left")
ROOMY: Final = 100
"""Width in cells from which values have room to be shown whole, and their meaning beside them."""
_AS_DEPLOYED = "as deployed"


def tuning_columns(width: int) -> tuple[Column, ...]:
    """Columns for that width."""
    if width < ROOMY:
        return fill((SETTING, LIVE, DRAFT, COST), width)
    values = (LIVE._replace(width=20), DRAFT._replace(width=20), COST)
    return fill((SETTING._replace(width=34), *values, ABOUT), width)


def tuning_rows(snapshot: Snapshot, columns: int = 4) -> tuple[Row, ...]:
    """A row a server setting, then per node its retention and its layout.

    Keys are `server:key` or `node:key:id`.

    A row has five cells, the last telling what it sets; `columns` is how many of them are shown.
    """
    rows = (*_server_rows(snapshot), *_node_rows(snapshot))
    return tuple(row._replace(cells=row.cells[:columns]) for row in rows)


def _server_rows(snapshot: Snapshot) -> Iterator[Row]:
    yield _heading("server", "Server")
    live, draft = snapshot.plan, snapshot.draft_plan
    for setting in SERVER_SETTINGS:
        key = setting.key
        old = getattr(live.server, key) if live else None
        new = getattr(draft.server, key) if draft else None
        yield _row(
            f"server:{key}",
            key,
            _value(snapshot, key, old),
            _shown(new) if new != old else Span(""),
            _change(snapshot, "server", key),
            setting.about,
        )


def _node_rows(snapshot: Snapshot) -> Iterator[Row]:
    if snapshot.calls:
        yield _heading("nodes", "Retention and layout by node")
    functions = {split_id(call.id)[0] for call in snapshot.calls}
    for call in snapshot.calls:
        name = split_id(call.id)[1] if len(functions) == 1 else call.id
        live, draft = node_plan(snapshot.plan, call.id), node_plan(snapshot.draft_plan, call.id)
        before, after = (
            retention_summary(snapshot.plan, call.id),
            retention_summary(snapshot.draft_plan, call.id),
        )
        changed = live.retention != draft.retention or live.decode_priority != draft.decode_priority
        change = _change(snapshot, call.id, "retention") or _change(
            snapshot, call.id, "decode_priority"
        )
        new = after if changed else Span("")
        yield _row(f"retention:{call.id}", name, before, new, change, "priority, for how long")
        if live.layout != "source" or draft.layout != live.layout:
            yield _row(
                f"layout:{call.id}",
                "  layout",
                Span(live.layout),
                Span(draft.layout) if draft.layout != live.layout else Span(""),
                _change(snapshot, call.id, "layout"),
                "the order of its prompt",
            )


def _heading(key: str, text: str) -> Row:
    return Row(f"heading:{key}", (line(Span(text, "title")), *[EMPTY] * 4), pickable=False)


def _row(key: str, name: str, live: Span, draft: Span, change: Change | None, about: str) -> Row:
    cost = EMPTY
    if change:
        cost = line(
            Span(change.cost, COST_TONES[change.cost])
            if change.possible
            else Span("not possible", "bad")
        )
    new = Span(f"{draft.text}", "draft") if draft.text else Span("·", "muted")
    return Row(
        key,
        (line(Span("  " + plain(name))), line(live), line(new), cost, line(Span(about, "muted"))),
    )


def _change(snapshot: Snapshot, place: str, key: str) -> Change | None:
    diff = snapshot.draft.diff if snapshot.draft else None
    return (
        next((item for item in diff.changes if (item.place, item.key) == (place, key)), None)
        if diff
        else None
    )


def _value(snapshot: Snapshot, key: str, value: object) -> Span:
    if value is not None:
        return Span(setting_text(value))
    profile = snapshot.session.profile if snapshot.session else None
    if profile and key == "tokens_per_block" and profile.tokens_per_block:
        return marked(str(profile.tokens_per_block), "measured")
    deployed = profile.parameters.get(key) if profile else None
    return marked(plain(deployed), "measured") if deployed else Span(_AS_DEPLOYED, "muted")


def _shown(value: object) -> Span:
    return Span(_AS_DEPLOYED if value is None else setting_text(value), "draft")


def setting_text(value: object) -> str:
    """A setting's value as it is typed."""
    return str(value).lower() if isinstance(value, bool) else plain(str(value))


def setting_value(plan: Plan | None, key: str) -> str:
    """The text to start editing from."""
    value = getattr(plan.server, key, None) if plan else None
    return "" if value is None else setting_text(value)


_LABEL = 16
_FIGURE = 13


def comparison_lines(snapshot: Snapshot, brief: bool = False) -> tuple[Line, ...]:
    """What was measured, what the live plan and what the draft are predicted to do, side by side.

    `brief` keeps the rows that decide.
    """
    live = snapshot.live_prediction
    draft = snapshot.draft.predicted if snapshot.draft else None
    nodes = snapshot.nodes.nodes if snapshot.nodes else ()
    prompt, reused = sum(n.told_tokens for n in nodes), sum(n.reused_tokens for n in nodes)
    blocks, hits = sum(n.total_blocks for n in nodes), sum(n.reused_blocks for n in nodes)
    timed = [
        (n.ttft_ms_mean, n.requests) for n in nodes if n.ttft_ms_mean is not None and n.requests
    ]
    ttft = sum(mean * n for mean, n in timed) / sum(n for _, n in timed) if timed else None
    rows = [
        _columns(
            "",
            Span("measured", "measured"),
            Span("live plan", "predicted"),
            Span("draft", "draft"),
            Span("change"),
        ),
        _rates("token hit rate", share(reused, prompt), live, draft, "token_hit_rate"),
        _rates("block hit rate", share(hits, blocks), live, draft, "block_hit_rate"),
        _times("TTFT mean", ttft, live, draft, "ttft_ms_mean"),
        _times("TTFT p95", None, live, draft, "ttft_ms_p95"),
        _times("whole run", _measured_run(snapshot), live, draft, "makespan_ms"),
        _columns("peak blocks", NOTHING, *_whole(live, draft, "peak_blocks")),
        *_memory(live, draft),
        _columns("evicted blocks", NOTHING, _evicted(live), _evicted(draft)),
    ]
    if brief:
        return tuple(rows[:4])
    bound = (draft or live).bound if (draft or live) else None  # type: ignore[union-attr]
    if bound is not None:
        rows.append(
            _columns(
                "layout's bound",
                NOTHING,
                *(percent(p.bound if p else None, "predicted") for p in (live, draft)),
            )
        )
    if (best := draft or live) and best.bracket:
        lowest, highest = percent_text(best.bracket.default_lru), percent_text(best.bracket.optimum)
        rows.append(
            line(
                Span(
                    f"at this pool: default LRU ~{lowest}, offline optimum ~{highest}", "predicted"
                )
            )
        )
    return tuple(rows)


def _measured_run(snapshot: Snapshot) -> float | None:
    """How long the last whole run under the live plan took, in milliseconds."""
    progress = snapshot.run.progress if snapshot.run else None
    if progress is None or progress.state != "done" or progress.variant == "baseline":
        return None
    return progress.elapsed_ms if progress.revision == snapshot.revision else None


def _columns(label: str, *figures: Span) -> Line:
    parts: list[Span] = [Span(f"{label:<{_LABEL}}", "muted")]
    for figure in figures:
        parts.extend(fit((figure,), _FIGURE, "right"))
    return tuple(parts)


def _rates(
    label: str, measured: float | None, live: Prediction | None, draft: Prediction | None, key: str
) -> Line:
    before, after = getattr(live, key, None), getattr(draft, key, None)
    return _columns(
        label,
        percent(measured, "measured"),
        percent(before, "predicted"),
        percent(after, "predicted"),
        _points(before, after),
    )


def _points(before: float | None, after: float | None) -> Span:
    if before is None or after is None:
        return Span("")
    points = (after - before) * 100
    return Span(
        f"{points:+.1f} pt", "muted" if abs(points) < 0.05 else "good" if points > 0 else "bad"
    )


def _times(
    label: str, measured: float | None, live: Prediction | None, draft: Prediction | None, key: str
) -> Line:
    before, after = getattr(live, key, None), getattr(draft, key, None)
    change = Span("")
    if before and after is not None:
        ratio = (after / before - 1) * 100
        change = Span(
            f"{ratio:+.0f} %", "muted" if abs(ratio) < 0.5 else "good" if ratio < 0 else "bad"
        )
    return _columns(
        label,
        milliseconds(measured, "measured"),
        milliseconds(before, _times_label(live)),
        milliseconds(after, _times_label(draft)),
        change,
    )


def _times_label(prediction: Prediction | None) -> Label:
    return prediction.times_label if prediction else "assumed"


def _whole(live: Prediction | None, draft: Prediction | None, key: str) -> tuple[Span, ...]:
    return tuple(count(getattr(item, key, None), "predicted") for item in (live, draft))


def _memory(live: Prediction | None, draft: Prediction | None) -> tuple[Line, ...]:
    """No row where the size of a block is unknown."""
    sizes = [item.memory_bytes if item else None for item in (live, draft)]
    if sizes == [None, None]:
        return ()
    return (_columns("KV memory", NOTHING, *(byte_size(size, "predicted") for size in sizes)),)


def _evicted(prediction: Prediction | None) -> Span:
    return (
        count(sum(prediction.evictions_by_priority.values()), "predicted")
        if prediction
        else NOTHING
    )
