"""How commands end and what they print."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from charter_engine.contracts.graph import Diagnostic

DONE, FAILED, USAGE, TRITON, INTERRUPTED = 0, 1, 2, 3, 130
UNKNOWN = "–"
"""In place of a figure that nobody measured."""
UNREAD = 141
"""Whoever read standard output left: as a shell says of a program that SIGPIPE ended."""


_ESCAPES = {
    code: ascii(chr(code))[1:-1]
    for codes in ((0, 9), (11, 32), (127, 160), (0x202A, 0x202F), (0x2066, 0x206A))
    for code in range(*codes)
}
"""Of control characters but for tabs and line ends, and of those that turn the way text runs."""


def harmless(text: str) -> str:
    """A text from outside with what could drive the terminal written as its escape."""
    return text.translate(_ESCAPES)


def complain(message: str, remedy: str = "") -> None:
    """One error on standard error, with what to do about it."""
    from charter_engine.scrub import scrub

    print(f"charter-engine: {harmless(scrub(message))}", file=sys.stderr)
    if remedy:
        print(f"  {harmless(scrub(remedy))}", file=sys.stderr)


def complain_of(diagnostics: "Iterable[Diagnostic]") -> None:
    """What is wrong with some files, each with its place, on standard error."""
    for found in diagnostics:
        complain(f"{found.path}:{found.line}:{found.column}: {found.message}", found.remedy)


def print_json(record: object) -> None:
    """One record on standard output, as JSON with the field names it has."""
    import msgspec

    from charter_engine.scrub import scrub_record

    encoded = msgspec.json.encode(scrub_record(record))
    sys.stdout.buffer.write(msgspec.json.format(encoded, indent=2) + b"\n")


def print_table(
    header: tuple[str, ...], rows: Iterable[tuple[str, ...]], file: TextIO | None = None
) -> None:
    """Columns as wide as they need to be; the first is left-aligned, the others right-aligned.
    Data, unless `file` is another than standard output."""
    lines = [tuple(map(harmless, line)) for line in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        first = line[0].ljust(widths[0])
        rest = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        print("  ".join((first, *rest)).rstrip(), file=file)
