"""Reading workload files, one line at a time: workload lines, and agent sessions packed or as
recorded.

Nothing is held but the workload that grows. A line that cannot be used is reported with its number,
and skipped or refused.
"""

import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, cast

import msgspec
import zstandard

from charter_engine.contracts.workload import WorkloadRequest
from charter_engine.kvcache.workload.columns import Workload, WorkloadBuilder
from charter_engine.kvcache.workload.sessions import AgentSession, from_packed, from_tester

Kind = Literal["lines", "packed-sessions", "tester-sessions"]
Report = Callable[[int, str], None]
"""Told the number of a bad line, from 1, and what is wrong with it."""

MAX_LINE_BYTES = 1 << 28
"""A longer line is no line: the file is something else."""


class WorkloadFormatError(ValueError):
    """A file, or a line of it, is not what it should be. The message names the file and the
    line."""


def read_workload(path: Path, report: Report | None = None) -> Workload:
    """The workload a file holds: JSON Lines in the superset of Mooncake's format, or one session a
    line.

    Sessions read this way all start at time 0, as recorded; `pool` spreads them. `report` is told
    of bad lines, which are then skipped; without it the first one raises WorkloadFormatError.
    Raises OSError if the file cannot be read.
    """
    kind = detect(path)
    if kind == "lines":
        return _read_lines(path, report)
    builder = WorkloadBuilder()
    base = 0
    for session in read_sessions(path, report):
        base = session.add_to(builder, 0.0, base)
    return _not_empty(path, builder)


def read_sessions(path: Path, report: Report | None = None) -> Iterator[AgentSession]:
    """The agent sessions of a file, or of all .json files of a directory, in order of name.

    Raises WorkloadFormatError for what holds no sessions, and see `read_workload`.
    """
    if path.is_dir():
        files = sorted(path.glob("*.json")) + sorted(path.glob("*.json.gz"))
        if not files:
            raise WorkloadFormatError(f"{path}: no .json files of sessions in this directory")
        for file in files:
            yield from read_sessions(file, report)
        return
    kind = detect(path)
    if kind == "lines":
        raise WorkloadFormatError(
            f"{path}: these are requests, not sessions; sessions have `reqs` or `requests`"
        )
    convert = from_packed if kind == "packed-sessions" else from_tester
    for number, line in _documents(path):
        try:
            session = convert(line)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            _bad_line(path, number, str(error), report)
        else:
            yield session


def detect(path: Path) -> Kind:
    """What a workload file holds, by its first object. Raises WorkloadFormatError, OSError."""
    if path.is_dir():
        return "tester-sessions"
    for number, line in _documents(path):
        try:
            first = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise WorkloadFormatError(f"{path}:{number}: not a JSON object: {error}") from error
        if isinstance(first, dict):
            if "reqs" in first:
                return "packed-sessions"
            if "requests" in first:
                return "tester-sessions"
            if "input_length" in first:
                return "lines"
        raise WorkloadFormatError(
            f"{path}:{number}: neither a request (`timestamp`, `input_length`, `output_length`, "
            "`hash_ids` or `token_ids`) nor a session (`reqs` or `requests`)"
        )
    raise WorkloadFormatError(f"{path}: empty")


def write_lines(requests: Iterable[WorkloadRequest], output: BinaryIO) -> int:
    """Write records as workload lines; returns how many."""
    encoder = msgspec.json.Encoder()
    count = 0
    for request in requests:
        output.write(encoder.encode(request) + b"\n")
        count += 1
    return count


def _read_lines(path: Path, report: Report | None) -> Workload:
    decoder = msgspec.json.Decoder(WorkloadRequest)
    builder = WorkloadBuilder()
    for number, line in _documents(path):
        try:
            builder.add_request(decoder.decode(line))
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
            _bad_line(path, number, str(error), report)
    return _not_empty(path, builder)


def _not_empty(path: Path, builder: WorkloadBuilder) -> Workload:
    if not len(builder):
        raise WorkloadFormatError(f"{path}: no usable request in it")
    return builder.build()


def _bad_line(path: Path, number: int, problem: str, report: Report | None) -> None:
    if report is None:
        raise WorkloadFormatError(f"{path}:{number}: {problem}")
    report(number, problem)


def _documents(path: Path) -> Iterator[tuple[int, bytes]]:
    """The JSON documents of a file with their line numbers: one a line, or a single one over many
    lines."""
    with _open(path) as file:
        head = file.readline(MAX_LINE_BYTES)
        if head.strip() in (b"{", b"["):
            yield 1, head + file.read(MAX_LINE_BYTES)
            return
        number, line = 1, head
        while line:
            if len(line) >= MAX_LINE_BYTES:
                raise WorkloadFormatError(
                    f"{path}:{number}: a line of over {MAX_LINE_BYTES >> 20} MiB"
                )
            if line.strip():
                yield number, line
            number, line = number + 1, file.readline(MAX_LINE_BYTES)


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """Open a plain, gzip or zstandard file by its first bytes. Damage raises
    WorkloadFormatError."""
    try:
        with path.open("rb") as raw:
            magic = raw.peek(4)[:4]
            if magic.startswith(b"\x1f\x8b"):
                with gzip.open(raw) as file:
                    yield cast("BinaryIO", file)
            elif magic == b"\x28\xb5\x2f\xfd":
                with io.BufferedReader(cast("io.RawIOBase", zstandard.open(raw, "rb"))) as lines:
                    yield lines
            else:
                yield raw
    except (gzip.BadGzipFile, EOFError, zstandard.ZstdError) as error:
        raise WorkloadFormatError(f"{path}: damaged or cut off: {error}") from error
