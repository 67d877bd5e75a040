"""What recordings hold, whether they are whole, and how two of them differ."""

from msgspec import Struct

from charter_engine.contracts.costs import Verdict
from charter_engine.contracts.gauges import Marker
from charter_engine.contracts.request_figures import FigureDifference, NodeFigure
from charter_engine.contracts.series import Tick


class RecordingLimits(Struct, frozen=True):
    """A recording is ended at `max_bytes` or after `part_seconds` (None: never) and another begun.
    So many ended ones are kept beside it, and none for longer than `max_seconds`."""

    max_bytes: int | None = None
    keep: int = 5
    max_seconds: float | None = None

    @property
    def part_seconds(self) -> float | None:
        """How long one part may become, so that they go by their age bit by bit."""
        return None if self.max_seconds is None else self.max_seconds / self.keep


class RecordingPiece(Struct, frozen=True):
    """Some bytes of a recording's file, which has `size` of them. `damaged` says what of the
    stretch could not be read."""

    data: bytes
    size: int
    damaged: str = ""


class RecordingGap(Struct, frozen=True):
    """A time between two epoch seconds in which nothing was recorded."""

    begin: float
    end: float


class RecordingInfo(Struct, frozen=True, kw_only=True):
    """What a recording holds. Times are epoch seconds.

    `topics` counts how often each gauge changed; `absent` are the gauges that it never tells of.
    `revision` is the live one at its end. `damaged` says what could not be read.
    """

    path: str
    bytes: int
    start: float
    end: float
    requests: int
    events: int
    topics: dict[str, int]
    absent: tuple[str, ...] = ()
    agent: str = ""
    deployment: str = ""
    revision: int = 0
    engine_version: str = ""
    markers: tuple[Marker, ...] = ()
    gaps: tuple[RecordingGap, ...] = ()
    damaged: str = ""


class ListedRecording(Struct, frozen=True, kw_only=True):
    """A file among a folder's recordings. Times are epoch seconds.

    `foreign` says why it is no recording, or cannot be read; `damaged` what of a recording could
    not be.
    """

    path: str
    bytes: int
    start: float = 0.0
    end: float = 0.0
    agent: str = ""
    damaged: str = ""
    foreign: str = ""


class RecordingCheck(Struct, frozen=True, kw_only=True):
    """Whether all of a recording can be read: how many seconds and records of it can, and in words
    what can't."""

    path: str
    entries: int
    records: int
    damaged: str = ""


class RecordedStretch(Struct, frozen=True, kw_only=True):
    """One side of a comparison: a recording from `start` to `end` (epoch seconds).

    `history` is what was measured, in runs without a gap, at most as many ticks as a screen has
    columns; `marks` are pushes, what was taken back, and an operator's notes.
    """

    path: str
    start: float
    end: float
    requests: int = 0
    failures: int = 0
    history: tuple[tuple[Tick, ...], ...] = ()
    marks: tuple[Marker, ...] = ()


class RecordingStory(Struct, frozen=True, kw_only=True):
    """What a page on a recording tells. `nodes` are the figures of each node's requests, those of
    all of them first."""

    info: RecordingInfo
    stretch: RecordedStretch
    nodes: tuple[NodeFigure, ...] = ()


class CompareRecordings(Struct, frozen=True, kw_only=True):
    """Two recordings to compare. Without `after`, what `before` holds ahead of its last push and
    behind it."""

    before: str
    after: str = ""


class RecordingComparison(Struct, frozen=True, kw_only=True):
    """Two stretches side by side: all requests first, then node by node. `notes` say what makes
    them hard to compare."""

    before: RecordedStretch
    after: RecordedStretch
    verdict: Verdict
    differences: tuple[FigureDifference, ...] = ()
    notes: tuple[str, ...] = ()
