"""What is asked of a recording, and what came of it."""

from msgspec import Struct


class ExportRequest(Struct, frozen=True, kw_only=True):
    """A recording from `begin` to `end` (epoch seconds; None: all of it), or the request records of
    that time only."""

    recording: str
    begin: float | None = None
    end: float | None = None
    requests_only: bool = False


class ExportResult(Struct, frozen=True, kw_only=True):
    """`damaged` says how the recording is damaged; what could be read was exported."""

    damaged: str = ""
