"""Reading workload files of any known format, and writing workload lines.

Nothing is held but the workload that grows. A record that cannot be used is reported with its
number, and skipped or refused; what was skipped is noted in the workload.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from types import GenericAlias
from typing import Any, BinaryIO

import msgspec
import numpy as np

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.columns import Workload, WorkloadBuilder
from charter_engine.kvcache.workload.files import (
    WorkloadFormatError,
    chunks,
    documents,
    is_lines,
    numbered_lines,
    opened,
)
from charter_engine.kvcache.workload.formats import lengths_csv, packed_sessions, weka_sessions
from charter_engine.kvcache.workload.formats.agentic_mooncake import AGENTIC_MOONCAKE
from charter_engine.kvcache.workload.formats.aiperf_inputs import AIPERF_INPUTS
from charter_engine.kvcache.workload.formats.bailian import BAILIAN
from charter_engine.kvcache.workload.formats.dynamo_trace import DYNAMO_TRACE
from charter_engine.kvcache.workload.formats.mooncake import MOONCAKE
from charter_engine.kvcache.workload.formats.mooncake_sessions import MOONCAKE_SESSIONS
from charter_engine.kvcache.workload.formats.packed_sessions import from_packed
from charter_engine.kvcache.workload.formats.reading import (
    BY_FORMAT,
    Format,
    Reader,
    ReadOptions,
)
from charter_engine.kvcache.workload.formats.texts import TEXTS
from charter_engine.kvcache.workload.formats.weka_sessions import from_weka
from charter_engine.kvcache.workload.sessions import AgentSession

__all__ = [
    "ReadOptions",
    "WorkloadFormatError",
    "read_sessions",
    "read_workload",
    "write_lines",
]

Report = Callable[[int, str], None]
"""Told the number of a bad record, from 1, and what is wrong with it."""

FORMATS = (
    DYNAMO_TRACE,
    AGENTIC_MOONCAKE,
    BAILIAN,
    MOONCAKE_SESSIONS,
    MOONCAKE,
    AIPERF_INPUTS,
    TEXTS,
)
"""The formats of requests, the more particular ones first."""

LARGEST_MS = 1e14
"""In the year 5138, if counted since 1970."""
NO_TABLE = "neither a JSON object nor the head of a table with columns " + ", or ".join(
    ", ".join(f"`{name}`" for name in names) for names in lengths_csv.COLUMNS
)

SESSION_FILES = tuple(
    f".{form}{packed}" for form in ("json", "jsonl") for packed in ("", ".gz", ".zst")
)
"""How the files of a directory of sessions end."""

_DOCUMENTS_AT_ONCE = 1024
"""Assumed: enough that columns pay, and few to hold at once."""

_BAD = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)


def read_workload(
    path: Path, report: Report | None = None, options: ReadOptions | None = None
) -> Workload:
    """The workload a file holds, in any of the formats of requests or of sessions.

    Sessions read this way all start at time 0, as recorded; `pool` spreads them. `report` is told
    of bad records, which are then skipped; without it the first one raises WorkloadFormatError.
    Raises OSError if the file cannot be read.
    """
    options = options or BY_FORMAT
    builder = WorkloadBuilder()
    skipped = _Skipped(path, report)
    if not path.is_dir() and _is_table(path):
        _read_table(path, builder, options, skipped)
    elif path.is_dir() or _session_format(_first(path)) is not None:
        _take_sessions(read_sessions(path, skipped, options), builder)
    else:
        _read_requests(path, _request_format(path), builder, options, skipped)
    if not len(builder):
        raise WorkloadFormatError(f"{path}: no usable request in it{skipped.why}")
    builder.notes += skipped.notes(len(builder))
    workload = builder.build()
    return replace(
        workload, notes=(*workload.notes, *_beyond_all_dates(workload), *_without_content(workload))
    )


def read_sessions(
    path: Path, report: Report | None = None, options: ReadOptions | None = None
) -> Iterator[AgentSession]:
    """The agent sessions of a file, or of all .json and .jsonl files of a directory, packed or not,
    in order of name.

    Raises WorkloadFormatError for what holds no sessions, and see `read_workload`.
    """
    files = _session_files(path)
    from_marker = any(map(_counts_from_markers, files))
    for file in files:
        yield from _sessions_of(file, report, options or BY_FORMAT, from_marker=from_marker)


def _session_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(file for ending in SESSION_FILES for file in path.glob(f"*{ending}"))
    if not files:
        raise WorkloadFormatError(f"{path}: no .json or .jsonl files of sessions in this directory")
    return files


def _counts_from_markers(path: Path) -> bool:
    """Whether a file tells that times of sub-agents' calls count from their markers."""
    if not weka_sessions.recognises(_first(path)):
        return False
    return weka_sessions.counts_from_markers(document for _, document in documents(path))


def _sessions_of(
    path: Path, report: Report | None, options: ReadOptions, *, from_marker: bool
) -> Iterator[AgentSession]:
    """The sessions of one file."""
    convert = _session_format(_first(path), from_marker=from_marker)
    if convert is None:
        raise WorkloadFormatError(
            f"{path}: these are requests, not sessions; sessions have `reqs` or `requests`"
        )
    skipped = _Skipped(path, report)
    for number, document in documents(path):
        try:
            session = convert(document, options)
        except _BAD as error:
            skipped(number, str(error))
        else:
            yield session


def write_lines(requests: Iterable[WorkloadRequest], output: BinaryIO) -> int:
    """Write records as workload lines; returns how many."""
    encoder = msgspec.json.Encoder()
    count = 0
    for request in requests:
        output.write(encoder.encode(request) + b"\n")
        count += 1
    return count


def _beyond_all_dates(workload: Workload) -> list[str]:
    """What a report has to say of times that can hardly be milliseconds."""
    if np.abs(workload.arrival_ms).max() < LARGEST_MS:
        return []
    return ["its times are beyond any date in milliseconds: they seem to count something smaller"]


def _without_content(workload: Workload) -> list[str]:
    """What a report has to say of requests of which nothing but the lengths is known, where more is
    known of others."""
    has_blocks = workload.input_length >= workload.unit_tokens
    unknown = int(np.count_nonzero(has_blocks & (np.diff(workload.run_offset) == 0)))
    if not (workload.has_content and unknown):
        return []
    return [
        f"{unknown} of {len(workload)} requests have lengths and no content: they are taken to "
        "share nothing"
    ]


class _Skipped:
    """Tells of bad records and counts them; the first one raises where nobody is told."""

    def __init__(self, path: Path, report: Report | None) -> None:
        self._path = path
        self._report = report
        self._count = 0
        self.first = ""

    def __call__(self, number: int, problem: str) -> None:
        if self._report is None:
            raise WorkloadFormatError(f"{self._path}:{number}: {problem}")
        self._report(number, problem)
        self._count += 1
        self.first = self.first or f"the first problem is at {self._path.name}:{number}: {problem}"

    @property
    def why(self) -> str:
        """What was wrong with the first, behind what is said of all."""
        return f"; {self.first}" if self.first else ""

    def notes(self, read: int) -> list[str]:
        """What a report on the rest has to say, if anything was skipped."""
        if not self._count:
            return []
        records = "1 record" if self._count == 1 else f"{self._count} records"
        requests = "1 request was" if read == 1 else f"{read} requests were"
        return [f"{records} could not be read and {requests}; {self.first}"]


def _take_sessions(sessions: Iterable[AgentSession], builder: WorkloadBuilder) -> None:
    base = repeated = 0
    names: set[str] = set()
    for session in sessions:
        base = session.add_to(builder, 0.0, base)
        repeated += session.name in names
        names.add(session.name)
    if repeated:
        builder.notes.append(f"{repeated} sessions have the name of an earlier one")


def _read_requests(
    path: Path, found: Format, builder: WorkloadBuilder, options: ReadOptions, skipped: _Skipped
) -> None:
    try:
        reader = found.reader(options)
    except ValueError as error:
        raise WorkloadFormatError(f"{path}: {error}") from error
    if is_lines(path):
        for number, chunk in chunks(path):
            _take_lines(reader, number, chunk, builder, skipped)
    else:
        remaining = documents(path)
        while group := list(islice(remaining, _DOCUMENTS_AT_ONCE)):
            _take_documents(reader, group, builder, skipped)
    reader.finish(builder)


def _take_lines(
    reader: Reader, first: int, chunk: bytes, builder: WorkloadBuilder, skipped: _Skipped
) -> None:
    """Take all lines of a piece at once, or by halves where that fails."""
    try:
        problems = reader.take(reader.decode(chunk), builder)
    except _BAD:
        _take_documents(reader, numbered_lines(first, chunk), builder, skipped)
        return
    if problems:
        numbers = [number for number, _ in numbered_lines(first, chunk)]
        for index, problem in problems.items():
            skipped(numbers[index], problem)


def _take_documents(
    reader: Reader,
    numbered: Sequence[tuple[int, bytes]],
    builder: WorkloadBuilder,
    skipped: _Skipped,
) -> None:
    """Take documents at once, or by halves where that fails."""
    try:
        problems = reader.take(_decoded(reader, numbered), builder)
    except _BAD as error:
        if len(numbered) > 1:
            half = len(numbered) // 2
            _take_documents(reader, numbered[:half], builder, skipped)
            _take_documents(reader, numbered[half:], builder, skipped)
            return
        problems = {0: str(error)}
    for index, problem in problems.items():
        skipped(numbered[index][0], problem)


def _decoded(reader: Reader, numbered: Sequence[tuple[int, bytes]]) -> Sequence[Any]:
    """The records of some documents. Raises msgspec.MsgspecError, ValueError."""
    if len(numbered) == 1:
        return [msgspec.json.decode(numbered[0][1], type=reader.row)]
    joined = b"[" + b",".join(document for _, document in numbered) + b"]"
    rows: list[Any] = msgspec.json.decode(joined, type=GenericAlias(list, (reader.row,)))
    if len(rows) != len(numbered):
        raise ValueError("some document is more than one")
    return rows


def _read_table(
    path: Path, builder: WorkloadBuilder, options: ReadOptions, skipped: _Skipped
) -> None:
    for number, problem in lengths_csv.read_lengths(chunks(path), builder, options).items():
        skipped(number, problem)


def _is_table(path: Path) -> bool:
    return lengths_csv.recognises(_head(path))


def _head(path: Path) -> str:
    """The first line of a file that is not blank, or the beginning of a very long one."""
    with opened(path) as file:
        while line := file.readline(1 << 16):
            if line.strip():
                return line.decode("utf-8", errors="replace")
    return ""


def _first(path: Path) -> Mapping[str, Any]:
    """The first object of a file. Raises WorkloadFormatError, OSError."""
    for number, document in documents(path):
        try:
            first = msgspec.json.decode(document)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if lengths_csv.may_be_table(_head(path)):
                raise WorkloadFormatError(f"{path}:{number}: {NO_TABLE}") from error
            raise WorkloadFormatError(f"{path}:{number}: not a JSON object: {error}") from error
        return first if isinstance(first, dict) else {}
    raise WorkloadFormatError(f"{path}: empty")


def _session_format(
    first: Mapping[str, Any], *, from_marker: bool = False
) -> Callable[[bytes, ReadOptions], AgentSession] | None:
    if packed_sessions.recognises(first):
        return from_packed
    if weka_sessions.recognises(first):
        return partial(from_weka, from_marker=from_marker)
    return None


def _request_format(path: Path) -> Format:
    first = _first(path)
    for found in FORMATS:
        if found.recognises(first):
            return found
    raise WorkloadFormatError(
        f"{path}:1: neither a request (`timestamp`, `input_length`, `output_length`, `hash_ids` or "
        "`token_ids`, or `messages`) nor a session (`reqs` or `requests`)"
    )
