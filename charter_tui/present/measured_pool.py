"""The pool as the server's own events tell of it, beside the predicted one."""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from charter_engine.contracts.contents import ContentsReport, HeldBy, MeasuredContents
from charter_tui.present.figures import count
from charter_tui.present.pool_map import holdings
from charter_tui.present.spans import EMPTY, Line, Span, Tone, line

BY_EVENTS: Final = "measured: by the server's own KV cache events"


def as_measured(report: ContentsReport) -> ContentsReport:
    """The report with what was measured in place of what was predicted, where anything was."""
    measured = report.measured
    if measured is None:
        return report
    return replace(
        report,
        label="measured",
        cached_blocks=measured.blocks,
        host_blocks=measured.host_blocks,
        nodes=measured.nodes,
        sessions=measured.sessions,
        priorities=measured.priorities,
        map=measured.map,
    )


def is_unknown(report: ContentsReport) -> bool:
    """Whether nobody can say what lies in the pool: no request passed, and no event came."""
    return not report.requests and (report.measured is None or not report.measured.events)


def other_blocks(report: ContentsReport, by: HeldBy, name: str) -> int:
    """How many blocks a holder has by the report as it was sent: predicted ones."""
    return next((one.blocks for one in holdings(report, by) if one.name == name), 0)


def difference(measured: MeasuredContents) -> Iterator[Line]:
    """How far what is there is from what was predicted."""
    yield line(
        Span("Events ", "title"),
        count(measured.blocks, "measured"),
        Span(" blocks there", "muted"),
    )
    yield line(count(measured.agreed_blocks, "measured"), Span(" as predicted", "muted"))
    far = measured.absent_blocks + measured.unpredicted_blocks > measured.agreed_blocks
    tone: Tone = "warning" if far else "muted"
    if measured.absent_blocks:
        absent = count(measured.absent_blocks, "predicted")
        yield line(absent, Span(" not there", tone))
    if measured.unpredicted_blocks:
        more = count(measured.unpredicted_blocks, "measured")
        yield line(more, Span(" not predicted", tone))


def unknown(measured: MeasuredContents) -> Iterator[Line]:
    """What of the pool is not known, and why. Who sent a block is known once its request is
    answered, which is later than the server tells of it."""
    if measured.ranks > 1:
        several = count(measured.ranks, "measured")
        yield line(several, Span(" engines, predicted as one", "warning"))
    if measured.unattributed_blocks:
        of_nobody = count(measured.unattributed_blocks, "measured")
        yield line(of_nobody, Span(" of no request known yet", "muted"))
    if measured.lost_events:
        yield line(Span(f"{measured.lost_events:,} events lost", "warning"))
    elif not measured.complete:
        yield line(Span("some events name blocks that were stored unseen", "warning"))


def trouble(measured: MeasuredContents) -> Line:
    """Why no events come; empty where they do."""
    if measured.trouble:
        return line(Span(measured.trouble, "warning"))
    silent = f"no event came from {measured.source} yet"
    return EMPTY if measured.events else line(Span(silent, "warning"))
