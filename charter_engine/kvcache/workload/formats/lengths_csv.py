"""Tables of times and lengths without content: Azure's and BurstGPT's traces, and Vidur's."""

import csv
from collections.abc import Iterable, Sequence
from datetime import datetime

from charter_engine.kvcache.workload.columns import WorkloadBuilder
from charter_engine.kvcache.workload.formats.reading import MS_PER_UNIT, ReadOptions

LENGTHS_NOTE = "it has lengths and no content: no hit rate can be told"
TIMES_NOTE = "it has no times: all requests are taken to arrive at once"
COLUMNS = (
    ("TIMESTAMP", "ContextTokens", "GeneratedTokens"),
    ("Timestamp", "Request tokens", "Response tokens"),
    ("arrived_at", "num_prefill_tokens", "num_decode_tokens"),
)
"""Time, prompt tokens and output tokens, by Azure, BurstGPT and Vidur. Some of Vidur's tables have
no times."""


def recognises(header: str) -> bool:
    """Whether a file's first line names the columns of such a table."""
    try:
        return _columns(_row(header)) is not None
    except csv.Error:
        return False


def read_lengths(
    lines: Iterable[str], builder: WorkloadBuilder, options: ReadOptions
) -> dict[int, str]:
    """Add the requests of a table. Gives what is wrong with lines, by number from 1."""
    remaining = iter(lines)
    header = _row(next(remaining))
    columns = _columns(header)
    assert columns is not None
    prompt, output = (header.index(name) for name in columns[1:])
    time = header.index(columns[0]) if columns[0] in header else None
    session = header.index("Session ID") if "Session ID" in header else None
    problems = {}
    for number, line in enumerate(remaining, start=2):
        row: list[str] = []
        try:
            row = _row(line)
            builder.add(
                0.0 if time is None else _milliseconds(row[time], options),
                int(row[prompt]),
                int(row[output]),
                1,
                [],
                session="" if session is None else row[session],
            )
        except IndexError:
            problems[number] = f"{len(row)} columns of {len(header)}"
        except (ValueError, csv.Error) as error:
            problems[number] = str(error)
    builder.notes.append(LENGTHS_NOTE)
    if time is None:
        builder.notes.append(TIMES_NOTE)
    return problems


def _row(line: str) -> list[str]:
    """The cells of a line; none of these tables has a line break in a cell."""
    return next(csv.reader([line]), [])


def _columns(header: Sequence[str]) -> Sequence[str] | None:
    return next((names for names in COLUMNS if set(names[1:]) <= set(header)), None)


def _milliseconds(text: str, options: ReadOptions) -> float:
    try:
        return float(text) * MS_PER_UNIT[options.time_unit or "s"]
    except ValueError:
        # Azure's fractions of a second have seven digits.
        whole, _, fraction = text.partition(".")
        digits = fraction.rstrip("Z").split("+")[0]
        moment = datetime.fromisoformat(f"{whole}+00:00")
        return moment.timestamp() * 1000 + float(f"0.{digits or 0}") * 1000
