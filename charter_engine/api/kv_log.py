"""What a log of KV cache events says about the cache."""

from collections.abc import Iterable
from pathlib import Path

from charter_engine.contracts.notes import Note
from charter_engine.errors import UsageError
from charter_engine.kvcache.manager.event_log import EventLogReport, report_event_log
from charter_engine.kvcache.manager.event_tree import TreeReport

__all__ = ["EventLogReport", "TreeReport", "notes_of", "read_kv_log"]


def read_kv_log(name: str, lines: Iterable[bytes] | None = None) -> EventLogReport:
    """Rebuild the cache's tree from a log: from `lines` where they are given, else from the file
    that `name` is. Blocks. Raises `UsageError` where there is no event in it."""
    try:
        if lines is not None:
            report = report_event_log(lines)
        else:
            with Path(name).open("rb") as file:
                report = report_event_log(file)
    except OSError as error:
        raise UsageError(
            f"{name}: {error.strerror}", remedy="name a readable file of KV cache events"
        ) from error
    if not report.events:
        bad = report.bad_lines[:1]
        first = "".join(f"; line {line.line}: {line.reason}" for line in bad)
        raise UsageError(
            f"{name}: no KV cache event in it{first}",
            remedy="write what POST /kv_cache_events returns, one answer a line",
        )
    return report


def notes_of(report: EventLogReport) -> tuple[Note, ...]:
    """What of the log could not be read, and what it lacks."""
    notes = [Note(f"line {bad.line} skipped: {bad.reason}") for bad in report.bad_lines]
    if report.bad_line_count > len(report.bad_lines):
        notes.append(Note(f"{report.bad_line_count} lines skipped in all"))
    notes += [Note(f"{gap.lost} events lost before event {gap.before_id}") for gap in report.gaps]
    if report.lost_events:
        notes.append(
            Note(
                f"{report.lost_events} events lost in all",
                "raise event_buffer_max_size, or read the events more often",
            )
        )
    return tuple(notes)
