"""Reading workload files of any known format, and writing workload lines.

Nothing is held but the workload that grows. A record that cannot be used is reported with its
number, and skipped or refused; what was skipped is noted in the workload.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
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

_DOCUMENTS_AT_ONCE = 1024

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
        base = 0
        for session in read_sessions(path, skipped, options):
            base = session.add_to(builder, 0.0, base)
    else:
        _read_requests(path, _request_format(path), builder, options, skipped)
    if not len(builder):
        raise WorkloadFormatError(f"{path}: no usable request in it{skipped.first}")
    builder.notes += skipped.notes(len(builder))
    workload = builder.build()
    return replace(workload, notes=(*workload.notes, *_without_content(workload)))


def read_sessions(
    path: Path, report: Report | None = None, options: ReadOptions | None = None
) -> Iterator[AgentSession]:
    """The agent sessions of a file, or of all .json files of a directory, in order of name.

    Raises WorkloadFormatError for what holds no sessions, and see `read_workload`.
    """
    if path.is_dir():
        files = sorted(path.glob("*.json")) + sorted(path.glob("*.json.gz"))
        if not files:
            raise WorkloadFormatError(f"{path}: no .json files of sessions in this directory")
        for file in files:
            yield from read_sessions(file, report, options)
        return
    convert = _session_format(_first(path))
    if convert is None:
        raise WorkloadFormatError(
            f"{path}: these are requests, not sessions; sessions have `reqs` or `requests`"
        )
    skipped = _Skipped(path, report)
    for number, document in documents(path):
        try:
            session = convert(document, options or BY_FORMAT)
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
        self.first = self.first or f"the first problem is at {number}: {problem}"

    def notes(self, read: int) -> list[str]:
        """What a report on the rest has to say, if anything was skipped."""
        if not self._count:
            return []
        records = "1 record" if self._count == 1 else f"{self._count} records"
        requests = "1 request was" if read == 1 else f"{read} requests were"
        return [f"{records} could not be read and {requests}; {self.first}"]


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
    with opened(path) as file:
        lines = (line.decode("utf-8-sig", errors="replace") for line in file)
        for number, problem in lengths_csv.read_lengths(lines, builder, options).items():
            skipped(number, problem)


def _is_table(path: Path) -> bool:
    with opened(path) as file:
        header = file.readline(1 << 16).decode("utf-8-sig", errors="replace")
    return lengths_csv.recognises(header)


def _first(path: Path) -> Mapping[str, Any]:
    """The first object of a file. Raises WorkloadFormatError, OSError."""
    for number, document in documents(path):
        try:
            first = msgspec.json.decode(document)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise WorkloadFormatError(f"{path}:{number}: not a JSON object: {error}") from error
        return first if isinstance(first, dict) else {}
    raise WorkloadFormatError(f"{path}: empty")


def _session_format(
    first: Mapping[str, Any],
) -> Callable[[bytes, ReadOptions], AgentSession] | None:
    if packed_sessions.recognises(first):
        return from_packed
    return from_weka if weka_sessions.recognises(first) else None


def _request_format(path: Path) -> Format:
    first = _first(path)
    for found in FORMATS:
        if found.recognises(first):
            return found
    raise WorkloadFormatError(
        f"{path}:1: neither a request (`timestamp`, `input_length`, `output_length`, `hash_ids` or "
        "`token_ids`, or `messages`) nor a session (`reqs` or `requests`)"
    )
