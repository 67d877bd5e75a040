"""Workload files as bytes: opened whatever they are packed with, and cut at line ends."""

import codecs
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import zstandard

MAX_LINE_BYTES = 1 << 28
"""A longer line is no line: the file is something else."""

_CHUNK_BYTES = 1 << 20
"""Assumed: thousands of short records at once, and little memory."""


class WorkloadFormatError(ValueError):
    """A file, or a line of it, is not what it should be. The message names the file and the
    line."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a plain, gzip or zstandard file by its first bytes, behind its byte order mark if it has
    one. Damage and UTF-16 raise WorkloadFormatError."""
    try:
        with path.open("rb") as raw:
            magic = raw.peek(4)[:4]
            if magic.startswith(b"\x1f\x8b"):
                with gzip.open(raw) as file:
                    yield _behind_mark(path, file)
            elif magic == b"\x28\xb5\x2f\xfd":
                with io.BufferedReader(cast("io.RawIOBase", zstandard.open(raw, "rb"))) as lines:
                    yield _behind_mark(path, lines)
            else:
                yield _behind_mark(path, raw)
    except (gzip.BadGzipFile, EOFError, zstandard.ZstdError) as error:
        raise WorkloadFormatError(f"{path}: damaged or cut off: {error}") from error


def _behind_mark(path: Path, file: "io.BufferedReader[Any] | gzip.GzipFile") -> BinaryIO:
    head = file.peek(len(codecs.BOM_UTF8))
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise WorkloadFormatError(
            f"{path}: written in UTF-16; write it in UTF-8, as `iconv -f UTF-16 -t UTF-8` does"
        )
    if head.startswith(codecs.BOM_UTF8):
        file.read(len(codecs.BOM_UTF8))
    return cast("BinaryIO", file)


def documents(path: Path) -> Iterator[tuple[int, bytes]]:
    """The JSON documents of a file: its lines, by their numbers from 1; objects that are written
    over many lines, by those they begin in; or the items of a list, counted from 1."""
    with opened(path) as file:
        head = file.readline(MAX_LINE_BYTES)
        if head.lstrip().startswith(b"["):
            yield from _items(path, head + file.read(MAX_LINE_BYTES))
        elif head.strip() == b"{":
            yield from _objects(path, head, file)
        else:
            number, line = 1, head
            while line:
                _check_length(path, number, len(line))
                if line.strip():
                    yield number, line
                number, line = number + 1, file.readline(MAX_LINE_BYTES)


def is_lines(path: Path) -> bool:
    """Whether a file holds a document on each line."""
    with opened(path) as file:
        head = file.readline(MAX_LINE_BYTES).strip()
        return head != b"{" and not head.startswith(b"[")


def chunks(path: Path) -> Iterator[tuple[int, bytes]]:
    """A file in pieces of whole lines, each with the number of its first line, from 1."""
    number = 1
    with opened(path) as file:
        while chunk := file.read(_CHUNK_BYTES):
            lines = chunk.count(b"\n")
            if not chunk.endswith(b"\n"):
                rest = file.readline(MAX_LINE_BYTES)
                _check_length(path, number + lines, len(rest))
                chunk += rest
                lines += 1
            yield number, chunk
            number += lines


def numbered_lines(first: int, chunk: bytes) -> list[tuple[int, bytes]]:
    """The lines of a piece that are not blank, with their numbers."""
    lines = enumerate(chunk.split(b"\n"), start=first)
    return [(number, line) for number, line in lines if line.strip()]


def _objects(path: Path, head: bytes, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Objects as jq writes them: each ends with a line of its bracket alone, as it begins."""
    end = head.replace(b"{", b"}").rstrip()
    begun, held, size = 1, [head], len(head)
    for number, line in enumerate(file, start=2):
        if not held and not line.strip():
            continue
        begun = begun if held else number
        held.append(line)
        size += len(line)
        _check_length(path, begun, size)
        if line.rstrip() == end:
            yield begun, b"".join(held)
            held, size = [], 0
    if held:
        yield begun, b"".join(held)


def _items(path: Path, document: bytes) -> Iterator[tuple[int, bytes]]:
    if len(document) >= MAX_LINE_BYTES:
        raise WorkloadFormatError(
            f"{path}: a list of over {MAX_LINE_BYTES >> 20} MiB; write its items one a line, as "
            "`jq -c '.[]'` does"
        )
    try:
        items = msgspec.json.decode(document, type=list[msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WorkloadFormatError(f"{path}:1: not a list of JSON objects: {error}") from error
    for number, item in enumerate(items, start=1):
        yield number, bytes(item)


def _check_length(path: Path, number: int, size: int) -> None:
    if size >= MAX_LINE_BYTES:
        raise WorkloadFormatError(f"{path}:{number}: a record of over {MAX_LINE_BYTES >> 20} MiB")
