"""The work screen: what can be worked out, what is in progress, and how the last one ended."""

from typing import Final

from charter_engine.contracts.gauges import Work, WorkKind
from charter_tui.present.figures import bar, clock_span, marked, milliseconds
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line, plain, wrap
from charter_tui.present.tables import Column, Row, fill
from charter_tui.state import Snapshot, share

NAMES: Final[dict[WorkKind, str]] = {
    "plan": "Plan",
    "predict": "Sweep settings",
    "learn": "Learn reuse times",
    "calibrate": "Calibrate times",
    "bench": "Benchmark",
    "answers": "Compare answers",
}
ABOUT: Final[dict[WorkKind, str]] = {
    "plan": "the best layouts, settings, retention",
    "predict": "what settings would do on a workload",
    "learn": "when prompts come back, from sessions",
    "calibrate": "times of prefill and decode, of a run",
    "bench": "as written and under a plan, measured",
    "answers": "as written and as the draft has it",
}
_WORK: Final = Column("work", "WORK", 18, "left")
_LAST: Final = Column("last", "LAST", 20, "left")
_ABOUT: Final = Column("about", "", 0, "left")
_STATES: Final[dict[str, tuple[str, Tone]]] = {
    "running": ("▶", "accent"),
    "stopping": ("◌", "warning"),
    "done": ("●", "good"),
    "failed": ("✗", "bad"),
    "cancelled": ("○", "warning"),
}
_NOTHING_YET: Final = "No work has been started yet."


def work_columns(width: int) -> tuple[Column, ...]:
    """Columns for that width."""
    return fill((_WORK, _LAST, _ABOUT), width)


def work_rows(snapshot: Snapshot) -> tuple[Row, ...]:
    """A row a kind of work; its key is the kind."""
    return tuple(
        Row(
            kind,
            (line(Span(name, "strong")), _last(snapshot, kind), line(Span(ABOUT[kind], "muted"))),
        )
        for kind, name in NAMES.items()
    )


def _last(snapshot: Snapshot, kind: WorkKind) -> Line:
    work = snapshot.work
    if work is not None and work.kind == kind:
        sign, tone = _STATES[work.state]
        took = marked(clock_span(work.elapsed_ms / 1000), "measured")
        return line(Span(f"{sign} {work.state} ", tone), took)
    if snapshot.results is not None and getattr(snapshot.results, kind) is not None:
        return line(Span("● done", "good"))
    return line(Span("·", "muted"))


def progress_lines(snapshot: Snapshot, width: int) -> tuple[Line, ...]:
    """The work in progress with the time it took so far, or how the last one ended."""
    work = snapshot.work
    if work is None or work.kind is None:
        return (line(Span(_NOTHING_YET, "muted")),)
    sign, tone = _STATES[work.state]
    name, subject = Span(f"{sign} {NAMES[work.kind]}", tone), Span(plain(work.subject), "muted")
    if work.state in ("running", "stopping"):
        return (line(name, "  ", subject), _step(work, width))
    took = milliseconds(work.elapsed_ms, "measured")
    reasons = wrap(work.error, max(20, width - 2)) if work.error else []
    remedies = wrap(work.remedy, max(20, width - 2)) if work.remedy else []
    return (
        line(name, f"  {work.state} after ", took, "  ", subject),
        *(line(Span(f"  {text}", "bad")) for text in reasons),
        *(line(Span(f"  {text}", "muted")) for text in remedies),
    )


def planning_lines(snapshot: Snapshot, width: int, *, asked: bool) -> tuple[Line, ...]:
    """A plan that is being worked out, and how far it is; where one was only `asked` for, that."""
    heading = line(Span("◌ Charter works out a plan; it becomes the draft …", "warning"))
    work = snapshot.work
    if work is not None and work.kind == "plan" and work.state in ("running", "stopping"):
        return (heading, _step(work, width), EMPTY)
    return (heading,) if asked else ()


def _step(work: Work, width: int) -> Line:
    elapsed = marked(clock_span(work.elapsed_ms / 1000), "measured")
    stage = "stopping" if work.state == "stopping" else plain(work.stage) or "beginning"
    stop = () if work.state == "stopping" else (Span("  c", "accent"), Span(" cancels", "muted"))
    left = (
        ("  about ", marked(clock_span(work.left_ms / 1000), "predicted"), " left")
        if work.left_ms is not None
        else ()
    )
    counted: tuple[Span | str, ...] = (f"  {work.done:,}",) if work.done else ()
    if work.total:
        gauge = bar(share(work.done, work.total) or 0.0, max(6, min(20, width - 60)), "accent")
        counted = ("  ", *gauge, f" {work.done:,} of {work.total:,}")
    return line("  ", elapsed, f"  {stage}", *counted, *left, *stop)


def empty_result_lines(kind: WorkKind, width: int, *, acting: bool = True) -> tuple[Line, ...]:
    """What to do where that kind of work found nothing yet, if that can be done (`acting`)."""
    words = f"{NAMES[kind]}: {ABOUT[kind]}.{' enter opens its form.' if acting else ''}"
    return tuple(line(Span(text, "muted")) for text in wrap(words, max(20, width)))
