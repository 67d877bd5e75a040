"""The recordings screen: the recordings in a folder, and what is wrong with those that are not
whole."""

import time
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import Final

from charter_engine.contracts.recordings import ListedRecording
from charter_tui.present.figures import (
    NOTHING,
    byte_size,
    clock_span,
    counted,
    marked,
    moment,
)
from charter_tui.present.spans import EMPTY, Line, Span, fitting, line, plain
from charter_tui.present.tables import Column, Row, fill
from charter_tui.present.words import sentence_lines

Local = Callable[[float], time.struct_time]

MARK: Final = Column("mark", "", 1, "left")
NAME: Final = Column("name", "RECORDING", 0, "left")
BEGAN: Final = Column("began", "BEGAN", 19, "left")
LENGTH: Final = Column("length", "LENGTH", 8)
SIZE: Final = Column("size", "SIZE", 9)
AGENT: Final = Column("agent", "AGENT", 16, "left")
STATE: Final = Column("state", "STATE", 14, "left")
SMALL: Final = (MARK, NAME, LENGTH, SIZE, STATE)
NARROW: Final = (MARK, NAME, BEGAN, LENGTH, SIZE, STATE)
NORMAL: Final = (MARK, NAME, BEGAN, LENGTH, SIZE, AGENT, STATE)
NARROW_FROM: Final = 76
NORMAL_FROM: Final = 100
"""Derived, in cells: what the columns take, and file names of 20 and of 27."""


def recording_columns(width: int) -> tuple[Column, ...]:
    """The columns that fit in `width` cells."""
    return fill(SMALL if width < NARROW_FROM else NARROW if width < NORMAL_FROM else NORMAL, width)


def recording_row(
    recording: ListedRecording,
    columns: Sequence[Column],
    *,
    chosen: bool = False,
    written: bool = False,
    local: Local = time.localtime,
) -> Row:
    """A file as a row: whether it was `chosen` to be compared with, or is being `written`."""
    told = not recording.foreign
    cells: dict[str, Line] = {
        "mark": line(Span("◆" if chosen else " ", "accent")),
        "name": line(Span(plain(PurePath(recording.path).name), "text" if told else "muted")),
        "began": line(Span(moment(recording.start, local), "muted") if told else NOTHING),
        "length": line(
            marked(clock_span(recording.end - recording.start), "measured") if told else NOTHING
        ),
        "size": line(byte_size(recording.bytes, "measured")),
        "agent": line(Span(plain(PurePath(recording.agent).name) or "–", "muted")),
        "state": line(_state(recording, written)),
    }
    return Row(recording.path, tuple(cells[column.key] for column in columns))


def _state(recording: ListedRecording, written: bool) -> Span:
    if recording.foreign:
        return Span("✗ unreadable", "bad")
    if written:
        return Span("● recording", "accent")
    return Span("! damaged", "warning") if recording.damaged else Span("whole", "muted")


def recordings_summary(
    recordings: Sequence[ListedRecording], folder: str, kept: float, width: int
) -> Line:
    """How many there are, what they take, where they lie, and for how many seconds ended parts of
    what is written are kept (0: however old they are)."""
    size = byte_size(sum(one.bytes for one in recordings), "measured")
    parts = (
        line(Span(counted(len(recordings), "recording"), "strong")),
        line(size) if recordings else EMPTY,
        line(Span(f"in {plain(folder)}", "muted")),
        line(Span(f"ended parts stay for {clock_span(kept)}", "muted")) if kept else EMPTY,
    )
    return fitting((part for part in parts if part), width)


def recording_detail(recording: ListedRecording | None, width: int) -> tuple[Line, ...]:
    """The whole path of a file, and in words what is wrong with it."""
    if recording is None:
        return ()
    if recording.foreign:
        return sentence_lines(recording.foreign, width, "bad")
    path = line(Span(plain(recording.path), "muted"))
    if recording.damaged:
        words = f"{recording.damaged}; what comes before and after it can be read"
        return (path, *sentence_lines(words, width, "warning"))
    return (path,)
