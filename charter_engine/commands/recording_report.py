"""What recordings hold and how they differ, in lines and rows."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from time import gmtime, strftime
from typing import TYPE_CHECKING

from charter_engine.commands.outcome import UNKNOWN

if TYPE_CHECKING:
    from charter_engine.contracts.recordings import (
        ListedRecording,
        RecordedStretch,
        RecordingInfo,
    )
    from charter_engine.contracts.request_figures import (
        FigureDifference,
        NodeFigure,
        RequestFigure,
    )

Rows = list[tuple[str, ...]]
DIFFERENCE_HEADER = ("", "A", "B", "B less A", "95 % within")
LISTED_HEADER = ("FILE", "RECORDED (UTC)", "SECONDS", "SIZE", "AGENT", "")
SHARES = ("hit rate", "failed")
ALL = "all requests"


def moment(at: float) -> str:
    """An epoch second as UTC."""
    return strftime("%Y-%m-%d %H:%M:%S", gmtime(at))


def listed_rows(found: "Iterable[ListedRecording]") -> Rows:
    """A row a file, under `LISTED_HEADER`."""
    return [
        (
            PurePath(one.path).name,
            UNKNOWN if one.foreign else moment(one.start),
            UNKNOWN if one.foreign else f"{one.end - one.start:,.0f}",
            _size(one.bytes),
            PurePath(one.agent).name or UNKNOWN,
            one.foreign or (f"damaged: {one.damaged}" if one.damaged else ""),
        )
        for one in found
    ]


def info_lines(info: "RecordingInfo") -> Iterator[str]:
    """What a recording holds, and what it does not."""
    yield f"{info.path}: {_size(info.bytes)}, by Charter {info.engine_version or UNKNOWN}"
    yield f"{moment(info.start)} to {moment(info.end)} UTC, {info.end - info.start:,.0f} s"
    yield f"agent {info.agent or UNKNOWN}, deployment {info.deployment or UNKNOWN}"
    yield f"revision {info.revision} at its end"
    yield f"{_requests(info.requests)}, {info.events:,} events, {len(info.markers):,} marks"
    changes = ", ".join(f"{topic} {count:,}" for topic, count in info.topics.items())
    yield f"told: {changes}"
    if info.absent:
        yield f"nothing of: {', '.join(info.absent)}"
    for gap in info.gaps:
        yield f"nothing from {moment(gap.begin)} to {moment(gap.end)}"
    if info.damaged:
        yield f"damaged: {info.damaged}"


def figure_rows(figures: "Sequence[NodeFigure]") -> tuple[tuple[str, ...], Rows]:
    """A header and a row a node, all requests first."""
    names = tuple(dict.fromkeys(one.figure for one in figures))
    nodes = dict.fromkeys(one.node for one in figures)
    known = {(one.node, one.figure): one.value for one in figures}
    rows = [
        (node or ALL, *(shown(name, known.get((node, name))) for name in names)) for node in nodes
    ]
    return ("a request's", *names), rows


def difference_rows(differences: "Iterable[FigureDifference]") -> Rows:
    """A row a figure, under `DIFFERENCE_HEADER`."""
    return [
        (
            f"{one.node}: {one.figure}" if one.node else one.figure,
            shown(one.figure, one.before),
            shown(one.figure, one.after),
            signed(one.figure, one.difference),
            within(one),
        )
        for one in differences
        if one.before is not None or one.after is not None
    ]


def side_line(name: str, side: "RecordedStretch") -> str:
    """One side of a comparison in a line."""
    return (
        f"{name}: {side.path}, {moment(side.start)} to {moment(side.end)} UTC, "
        f"{_requests(side.requests)}, {side.failures:,} failed"
    )


def _size(number: int) -> str:
    """Of a file: short recordings take some KiB, and those of days some hundred MiB."""
    return f"{number / 1024:,.1f} KiB" if number < 2**20 else f"{number / 2**20:,.1f} MiB"


def _requests(number: int) -> str:
    return f"{number:,} {'request' if number == 1 else 'requests'}"


def shown(figure: "RequestFigure", value: float | None) -> str:
    """A figure in its unit."""
    if value is None:
        return UNKNOWN
    return f"{value:.1%}" if figure in SHARES else f"{value:,.1f}"


def signed(figure: "RequestFigure", value: float | None) -> str:
    """A difference of a figure; of shares in points."""
    if value is None:
        return UNKNOWN
    return f"{100 * value:+.1f} pt" if figure in SHARES else f"{value:+,.1f}"


def within(one: "FigureDifference") -> str:
    """The interval of a difference."""
    if one.low is None or one.high is None:
        return UNKNOWN
    return f"{signed(one.figure, one.low)} to {signed(one.figure, one.high)}"
