"""What a push would do, and the steps of the one in progress or the last."""

from collections.abc import Iterator
from typing import Final

from charter_engine.contracts.gauges import Deploying, DeployKind
from charter_engine.contracts.layout_preview import LayoutFigures, LayoutPreview
from charter_tui.present.comparison import comparison_lines
from charter_tui.present.costs import COST_TONES, verdict_tone
from charter_tui.present.diff import change_lines, cost_span
from charter_tui.present.figures import count, counted, marked, milliseconds_text, percent
from charter_tui.present.possible import offered
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, plain
from charter_tui.present.tables import Column, table_lines
from charter_tui.present.words import Standing, sentence_lines
from charter_tui.state import Snapshot

TITLES: Final[dict[DeployKind, str]] = {
    "push": "Push",
    "rollback": "Going back",
    "trial": "Trial",
    "put back": "Putting back",
    "adopt": "Adopting",
    "uninstall": "Uninstall",
}
_SIGNS: Final[dict[str, tuple[str, Tone]]] = {
    "running": ("▶", "accent"),
    "done": ("●", "good"),
    "failed": ("✗", "bad"),
}
_NO_DRAFT: Final = "The draft is what is live. enter goes to the tuning screen"
_WAYS: Final = (("tuning.edit", "e edits there"), ("tuning.propose", "a proposes a plan"))
_PUSHED: Final = (
    (
        "deploy.push",
        "p makes it live: it asks why, and for how long the requests after it are watched.",
    ),
    ("deploy.try_layouts", "n tries its layouts on a share of the sessions first."),
)
_LAYOUTS: Final = (
    Column("layout", "PREDICTED", 0, "left"),
    Column("computed", "COMPUTED", 0),
    Column("prompt", "PROMPT", 0),
    Column("hit", "HIT RATE", 0),
)
STEP_TIME: Final = 8
"""Derived: `verified`, and any time."""


def push_standing(snapshot: Snapshot) -> Standing:
    """What is being done, or what is there to push."""
    told = snapshot.deploying
    if told is not None and told.kind is not None and told.state in ("running", "failed"):
        sign, tone = _SIGNS[told.state]
        step = told.steps[-1].text if told.steps else "…"
        last = told.message if told.state == "failed" else step
        words = f"{sign} {TITLES[told.kind].lower()} {told.state}"
        return Standing(Span(words, tone), line(plain(last)))
    draft = snapshot.draft
    if not snapshot.has_changes or draft is None or draft.diff is None:
        return Standing(Span("○ nothing to push", "muted"))
    changes = counted(len(draft.diff.changes), "change")
    said = draft.verdict
    cost = draft.diff.cost
    more = (Span(cost, COST_TONES[cost]), Span("  ")) if cost else ()
    state = Span(f"◆ {changes} to push", "draft")
    return Standing(state, (*more, Span(said.words, verdict_tone(said))))


def push_lines(snapshot: Snapshot, preview: LayoutPreview | None, width: int) -> tuple[Line, ...]:
    """The steps of what is in progress or was done last, and the draft with what it costs and is
    predicted to bring."""
    steps = _steps(snapshot.deploying, width)
    draft = _draft(snapshot, preview, width)
    busy = snapshot.deploying is not None and snapshot.deploying.state in ("running", "failed")
    first, second = (steps, draft) if busy else (draft, steps)
    return (*first, EMPTY, *second) if first and second else (*first, *second)


def _steps(told: Deploying | None, width: int) -> tuple[Line, ...]:
    if told is None or told.kind is None:
        return ()
    sign, tone = _SIGNS[told.state]
    ended, failed = told.state != "running", told.state == "failed"
    took = marked(milliseconds_text(told.elapsed_ms), "measured") if ended else Span("")
    title = Span(f"{TITLES[told.kind]}  ", "title")
    heading = line(title, Span(f"{sign} {told.state}  ", tone), took)
    return (
        heading,
        *_timed(told),
        *(
            line(Span(f"  {'verified':>{STEP_TIME}}  ", "good"), Span(plain(words), "muted"))
            for words in told.verified
        ),
        *sentence_lines(plain(told.message), width, "bad" if failed else "text", indent=2),
        *sentence_lines(plain(told.remedy), width, "muted", indent=2),
    )


def _timed(told: Deploying) -> Iterator[Line]:
    """A line a step, with the time it took; behind the last, that it goes on."""
    for step in told.steps:
        yield line(
            Span(f"  {milliseconds_text(step.took_ms):>{STEP_TIME}}  ", "measured"),
            Span(plain(step.text), "muted"),
        )
    if told.state == "running":
        yield line(Span(f"  {'…':>{STEP_TIME}}", "accent"))


def _draft(snapshot: Snapshot, preview: LayoutPreview | None, width: int) -> tuple[Line, ...]:
    draft = snapshot.draft
    if not snapshot.has_changes or draft is None or draft.diff is None:
        ways = offered(snapshot, _WAYS)
        return sentence_lines(f"{_NO_DRAFT}: {ways}." if ways else f"{_NO_DRAFT}.", width, "muted")
    diff = draft.diff
    lays_out = any(change.key == "layout" for change in diff.changes)
    ways = offered(snapshot, _PUSHED[: 1 + lays_out], " ")
    return (
        line(
            Span("Draft", "title"),
            Span(f"  {counted(len(diff.changes), 'change')} to revision {diff.base_revision}"),
            cost_span(diff.cost),
        ),
        *change_lines(diff.changes, width, snapshot.named),
        EMPTY,
        *comparison_lines(snapshot, width, brief=True),
        *preview_lines(preview, width),
        *((EMPTY, *sentence_lines(ways, width, "muted")) if ways else ()),
    )


def preview_lines(preview: LayoutPreview | None, width: int) -> tuple[Line, ...]:
    """What layouts for traffic would do to the prompts that programs send."""
    if preview is None:
        return ()
    laid_out = "" if preview.laid_out is None else f", {preview.laid_out:,} would be laid out"
    rows = [
        _layout(name, figures)
        for name, figures in (("as they came", preview.before), ("laid out", preview.after))
        if figures is not None
    ]
    lines: list[Line] = [
        EMPTY,
        line(
            Span("On traffic", "strong"),
            Span(
                f"  {counted(preview.requests)} of {preview.source}, "
                f"{preview.matched:,} as a call writes them{laid_out}",
                "muted",
            ),
        ),
        *(table_lines(_LAYOUTS, rows, width) if rows else ()),
    ]
    for reason, number in sorted(preview.reasons.items(), key=lambda item: -item[1]):
        words = f"{number:,} would go on as they came: {reason}"
        lines += sentence_lines(words, width, "muted", indent=2)
    for note in preview.notes:
        lines += sentence_lines(f"! {note}", width, "warning")
    return tuple(lines)


def _layout(name: str, figures: LayoutFigures) -> tuple[Span, ...]:
    return (
        Span(name),
        count(figures.computed_tokens, "predicted"),
        count(figures.prompt_tokens, "predicted"),
        percent(figures.hit_rate, "predicted"),
    )
