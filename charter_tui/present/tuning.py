"""The tuning screen's table: settings and retention of the draft beside what is live."""

from collections.abc import Iterator, Sequence
from typing import Final

from charter_engine.contracts.deploy import Change
from charter_engine.contracts.plan import Plan
from charter_engine.contracts.settings import SERVER_SETTINGS
from charter_tui.present.costs import COST_TONES
from charter_tui.present.figures import MARKS, marked
from charter_tui.present.graph_table import node_plan, retention_summary
from charter_tui.present.levers import NODE_ABILITIES, greyed_words, why_not_lever
from charter_tui.present.spans import EMPTY, Span, line, plain
from charter_tui.present.tables import Column, Row, fill
from charter_tui.state import Snapshot

SETTING: Final = Column("setting", "SETTING", 0, "left")
LIVE: Final = Column("live", "LIVE", 14, "left")
DRAFT: Final = Column("draft", "DRAFT", 13, "left")
COST: Final = Column("cost", "COST OF PUSH", 14, "left")
ABOUT: Final = Column("about", "", 0, "left")
NARROW_BELOW: Final = 72
"""Derived, in cells: the columns take 44, and leave names 28."""
ROOMY: Final = 100
"""Width in cells from which values have room to be shown whole, and their meaning beside them."""
_AS_DEPLOYED = "as deployed"
_UNCHANGED: Final = line(Span("·", "muted"))


def tuning_columns(width: int) -> tuple[Column, ...]:
    """Columns for that width: where names would be cut off, the diff alone tells what a push
    costs."""
    if width < NARROW_BELOW:
        return fill((SETTING, LIVE._replace(width=11), DRAFT._replace(width=11)), width)
    if width < ROOMY:
        return fill((SETTING, LIVE, DRAFT, COST), width)
    values = (LIVE._replace(width=20), DRAFT._replace(width=20), COST)
    return fill((SETTING._replace(width=32), *values, ABOUT), width)


def tuning_rows(
    snapshot: Snapshot, columns: int = 4, *, changed_only: bool = False
) -> tuple[Row, ...]:
    """A row a server setting, then per node its retention and its layout.

    Keys are `server:key` or `node:key:id`.

    A row has five cells, the last telling what it sets; `columns` is how many of them are shown.
    With `changed_only` there are only the settings and nodes that the draft changes.
    """
    rows = (*_server_rows(snapshot), *_node_rows(snapshot))
    if changed_only:
        rows = _changed(rows) or (_heading("none", "The draft changes nothing. v shows all."),)
    return tuple(row.with_columns(columns) for row in rows)


def _changed(rows: Sequence[Row]) -> tuple[Row, ...]:
    """All rows of the settings and nodes of which any is changed."""
    rows = [row for row in rows if row.pickable]
    changed = {_owner(row) for row in rows if row.cells[2] != _UNCHANGED}
    return tuple(row for row in rows if _owner(row) in changed)


def _owner(row: Row) -> str:
    """The setting or the node of a row."""
    return row.key.partition(":")[2]


def _server_rows(snapshot: Snapshot) -> Iterator[Row]:
    yield _heading("server", "Server")
    live, draft = snapshot.plan, snapshot.draft_plan
    settings = [setting.key for setting in SERVER_SETTINGS]
    if all(why_not_lever(snapshot, key) for key in settings):
        yield _greyed("server", why_not_lever(snapshot, "load_unload"))
    for setting in SERVER_SETTINGS:
        key = setting.key
        old = getattr(live.server, key) if live else None
        new = getattr(draft.server, key) if draft else None
        served = live_setting(snapshot, key)
        yield _row(
            f"server:{key}",
            key,
            served,
            _shown(new) if _differs(new, old, served) else Span(""),
            _change(snapshot, "server", key),
            why_not_lever(snapshot, key) or setting.about,
            greyed=bool(why_not_lever(snapshot, key)),
        )


def _node_rows(snapshot: Snapshot) -> Iterator[Row]:
    if snapshot.calls:
        yield _heading("nodes", "Retention and layout by node")
    for ability, words in NODE_ABILITIES.items():
        if snapshot.calls and (reason := greyed_words(snapshot, ability)):
            yield _greyed(ability, f"{words}: {reason}")
    no_retention = why_not_lever(snapshot, "retention")
    for call in snapshot.calls:
        name = snapshot.named(call.id)
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
        yield _row(
            f"retention:{call.id}",
            name,
            before,
            new,
            change,
            "priority, for how long",
            greyed=bool(no_retention),
        )
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


def _greyed(key: str, why: str) -> Row:
    """Why what follows cannot be changed from here."""
    return Row(f"why:{key}", (line(Span(f"  ✗ {plain(why)}", "muted")), *[EMPTY] * 4), False)


def _row(
    key: str,
    name: str,
    live: Span,
    draft: Span,
    change: Change | None,
    about: str,
    *,
    greyed: bool = False,
) -> Row:
    cost = line(Span("not from here", "muted")) if greyed else EMPTY
    if change:
        cost = line(
            Span(change.cost, COST_TONES[change.cost])
            if change.possible
            else Span("not possible", "bad")
        )
    new = line(Span(draft.text, "draft")) if draft.text else _UNCHANGED
    return Row(
        key,
        (
            line(Span("  " + plain(name), "muted" if greyed else "text")),
            line(live),
            new,
            cost,
            line(Span(plain(about), "muted")),
        ),
    )


def _change(snapshot: Snapshot, place: str, key: str) -> Change | None:
    diff = snapshot.draft.diff if snapshot.draft else None
    return (
        next((item for item in diff.changes if (item.place, item.key) == (place, key)), None)
        if diff
        else None
    )


def live_setting(snapshot: Snapshot, key: str) -> Span:
    """What the server has, as it tells; where it does not, what was pushed."""
    value = getattr(snapshot.plan.server, key) if snapshot.plan else None
    profile = snapshot.session.profile if snapshot.session else None
    served = profile.parameters.get(key, "") if profile else ""
    if profile and key == "tokens_per_block" and profile.tokens_per_block:
        served = str(profile.tokens_per_block)
    if served:
        return marked(plain(served), "measured")
    return Span(_AS_DEPLOYED, "muted") if value is None else Span(setting_text(value))


def _differs(new: object, old: object, served: Span) -> bool:
    """Whether the draft sets something else: naming what the server has already changes nothing."""
    return new != old and served.text != f"{MARKS['measured']}{setting_text(new)}"


def _shown(value: object) -> Span:
    return Span(_AS_DEPLOYED if value is None else setting_text(value), "draft")


def setting_text(value: object) -> str:
    """A setting's value as it is typed."""
    return str(value).lower() if isinstance(value, bool) else plain(str(value))


def setting_value(plan: Plan | None, key: str) -> str:
    """The text to start editing from."""
    value = getattr(plan.server, key, None) if plan else None
    return "" if value is None else setting_text(value)
