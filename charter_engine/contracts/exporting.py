"""What is asked of a recording, and what came of it."""

from typing import Final, Literal

from msgspec import Struct

ExportForm = Literal["jsonl", "csv", "parquet", "openmetrics", "html"]
ExportTable = Literal["requests", "ticks", "events"]
SUFFIXES: Final[dict[str, ExportForm]] = {
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".html": "html",
    ".om": "openmetrics",
    ".prom": "openmetrics",
}
"""What a file's name says of its form."""


class ExportRequest(Struct, frozen=True, kw_only=True):
    """A recording from `begin` to `end` (epoch seconds; None: all of it).

    As JSON Lines with `requests_only` the request records of that time only. CSV and Parquet hold
    one `table`; OpenMetrics is what a Prometheus that scraped every `step` seconds would have.
    """

    recording: str
    begin: float | None = None
    end: float | None = None
    requests_only: bool = False
    form: ExportForm = "jsonl"
    table: ExportTable = "requests"
    step: float = 15.0


class ExportResult(Struct, frozen=True, kw_only=True):
    """`damaged` says how the recording is damaged; what could be read was exported."""

    damaged: str = ""
