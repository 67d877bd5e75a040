"""Tables of times and lengths without content: Azure's and BurstGPT's traces, and Vidur's."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from charter_engine.kvcache.workload.batch import Floats, RequestColumns, column
from charter_engine.kvcache.workload.columns import WorkloadBuilder
from charter_engine.kvcache.workload.formats.reading import MS_PER_UNIT, ReadOptions
from charter_engine.kvcache.workload.formats.table_cells import Cells
from charter_engine.kvcache.workload.ids import Ints

LENGTHS_NOTE = "it has lengths and no content: no hit rate can be told"
TIMES_NOTE = "it has no times: all requests are taken to arrive at once"
COLUMNS = (
    ("TIMESTAMP", "ContextTokens", "GeneratedTokens"),
    ("Timestamp", "Request tokens", "Response tokens"),
    ("arrived_at", "num_prefill_tokens", "num_decode_tokens"),
)
"""Time, prompt tokens and output tokens, by Azure, BurstGPT and Vidur. Some of Vidur's tables have
no times."""

_DELIMITERS = ",;\t"


def recognises(header: str) -> bool:
    """Whether a file's first line names the columns of such a table."""
    try:
        return _header(header) is not None
    except csv.Error:
        return False


def may_be_table(header: str) -> bool:
    """Whether a file's first line reads as the names of columns, whatever these are."""
    return header[:1] not in '{["' and any(one in header for one in _DELIMITERS)


@dataclass(frozen=True)
class _Table:
    """Which columns of a table are read. Without a time all requests are sent at once."""

    delimiter: str
    width: int
    prompt: int
    output: int
    time: int | None
    session: int | None
    ms_per_unit: float

    @classmethod
    def of(cls, line: str, options: ReadOptions) -> "_Table":
        """The table that a header begins."""
        found = _header(line)
        assert found is not None
        delimiter, places, (time, prompt, output) = found
        return cls(
            delimiter=delimiter,
            width=len(_row(line, delimiter)),
            prompt=places[prompt.casefold()],
            output=places[output.casefold()],
            time=places.get(time.casefold()),
            session=places.get("session id"),
            ms_per_unit=MS_PER_UNIT[options.time_unit or "s"],
        )

    def batch(self, text: bytes) -> RequestColumns:
        """The requests of some lines that are plainly written. Raises ValueError for others."""
        cells = Cells(text, self.delimiter, self.width)
        if self.time is None:
            times = np.zeros(len(cells))
        elif cells.begin_with_date(self.time):
            times = _ms(cells.clock_ns(self.time))
        else:
            times = cells.numbers(self.time) * self.ms_per_unit
        return self._requests(
            times,
            cells.whole_numbers(self.prompt),
            cells.whole_numbers(self.output),
            () if self.session is None else cells.texts(self.session),
        )

    def batch_of_lines(self, lines: Sequence[str]) -> RequestColumns:
        """The requests of some lines, however they are written. Raises ValueError, OverflowError,
        csv.Error, and IndexError for a line that is too short."""
        rows = [_row(line, self.delimiter) for line in lines]
        return self._requests(
            np.zeros(len(rows)) if self.time is None else self._arrivals(_at(rows, self.time)),
            _whole_numbers(_at(rows, self.prompt)),
            _whole_numbers(_at(rows, self.output)),
            () if self.session is None else _at(rows, self.session),
        )

    def _requests(
        self, arrival_ms: Floats, prompt: Ints, output: Ints, sessions: Sequence[str]
    ) -> RequestColumns:
        return RequestColumns(
            arrival_ms=arrival_ms,
            input_length=prompt,
            output_length=output,
            unit_tokens=np.ones(len(prompt), dtype=np.int64),
            unit_count=np.zeros(len(prompt), dtype=np.int64),
            units=column(()),
            sessions=sessions,
        )

    def _arrivals(self, cells: Sequence[str]) -> Floats:
        try:
            return np.fromiter(map(float, cells), np.float64, len(cells)) * self.ms_per_unit
        except ValueError:
            return _clock_ms(cells)


def read_lengths(
    chunks: Iterable[tuple[int, bytes]], builder: WorkloadBuilder, options: ReadOptions
) -> dict[int, str]:
    """Add the requests of a table that comes in pieces of whole lines, each with the number of its
    first one, from 1. Gives what is wrong with lines, by number."""
    table = None
    problems = {}
    for number, chunk in chunks:
        first, text = number, chunk
        while table is None and text:
            header, _, text = text.partition(b"\n")
            first += 1
            if header.strip():
                table = _Table.of(_decoded(header), options)
        if table is not None and text:
            for index, problem in _take(text, table, builder).items():
                problems[first + index] = problem
    builder.notes.append(LENGTHS_NOTE)
    if table is not None and table.time is None:
        builder.notes.append(TIMES_NOTE)
    return problems


def _take(text: bytes, table: _Table, builder: WorkloadBuilder) -> dict[int, str]:
    """Add the requests of some lines. Gives what is wrong with lines, by their places."""
    try:
        batch = table.batch(text)
    except ValueError:
        return _add(_decoded(text).removesuffix("\n").split("\n"), table, builder)
    problems = batch.problems()
    builder.extend(batch.without(problems) if problems else batch)
    return problems


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _at(rows: Sequence[Sequence[str]], place: int) -> list[str]:
    return [row[place] for row in rows]


def _add(lines: Sequence[str], table: _Table, builder: WorkloadBuilder) -> dict[int, str]:
    """Add the requests of some lines, at once or, where that fails, by halves. Gives what is wrong
    with lines, by their places."""
    try:
        batch = table.batch_of_lines(lines)
    except (IndexError, ValueError, OverflowError, csv.Error) as error:
        if len(lines) == 1:
            return {0: _problem(lines[0], table, error)} if lines[0].strip() else {}
        half = len(lines) // 2
        problems = _add(lines[:half], table, builder)
        behind = _add(lines[half:], table, builder)
        return problems | {half + index: problem for index, problem in behind.items()}
    problems = batch.problems()
    builder.extend(batch.without(problems) if problems else batch)
    return problems


def _problem(line: str, table: _Table, error: Exception) -> str:
    if isinstance(error, IndexError):
        return f"{len(_row(line, table.delimiter))} columns of {table.width}"
    return str(error)


def _whole_numbers(cells: Sequence[str]) -> Ints:
    """Cells as whole numbers, some of which may be written as 12.0. Raises ValueError,
    OverflowError."""
    try:
        return np.fromiter(map(int, cells), np.int64, len(cells))
    except ValueError:
        return column([_whole(cell) for cell in cells])


def _whole(cell: str) -> int:
    number = float(cell or "nan")
    if not number.is_integer():
        raise ValueError(f"{cell!r} is no whole number")
    return int(number)


def _row(line: str, delimiter: str) -> list[str]:
    """The cells of a line; none of these tables has a line break in a cell."""
    if '"' in line:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    cells = line.rstrip("\r\n")
    return cells.split(delimiter) if cells else []


def _header(line: str) -> tuple[str, dict[str, int], tuple[str, str, str]] | None:
    """What separates the cells of a table, where each column stands by its name in small letters,
    and which columns are read. None for another line than such a header."""
    for delimiter in _DELIMITERS:
        cells = [cell.strip().casefold() for cell in _row(line, delimiter)]
        for names in COLUMNS:
            if {name.casefold() for name in names[1:]} <= set(cells):
                return delimiter, {cell: place for place, cell in enumerate(cells)}, names
    return None


def _clock_ms(cells: Sequence[str]) -> Floats:
    """Times by the clock, as Azure writes them: to seven digits of a second, in UTC, which some of
    its tables say."""
    texts = [cell.strip().removesuffix("Z").removesuffix("+00:00") for cell in cells]
    for text in texts:
        if text[4:5] != "-":
            raise ValueError(f"{text!r} is no time")
    return _ms(np.array(texts, dtype="datetime64[ns]").astype(np.int64))


def _ms(ns: Ints) -> Floats:
    """Without losing what is beyond a double's digits."""
    return ns // 1_000_000 + ns % 1_000_000 / 1e6
