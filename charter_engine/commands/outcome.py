"""How commands end and what they print."""

import shutil
import sys
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from charter_engine.exit_codes import DONE, FAILED, INTERRUPTED, TRITON, UNREAD, USAGE

if TYPE_CHECKING:
    from charter_engine.contracts.graph import Diagnostic

__all__ = [
    "DONE",
    "FAILED",
    "INTERRUPTED",
    "NARROWEST_PROSE",
    "TRITON",
    "UNKNOWN",
    "UNREAD",
    "USAGE",
    "complain",
    "complain_of",
    "harmless",
    "print_json",
    "print_table",
    "terminal_columns",
]

UNKNOWN = "–"
"""In place of a figure that nobody measured."""
NARROWEST_PROSE = 24
"""In columns: on a terminal that is narrower still, lines run on."""


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


def terminal_columns() -> int | None:
    """How wide the terminal is that standard output goes to; None where it goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def print_table(
    header: tuple[str, ...],
    rows: Iterable[tuple[str, ...]],
    file: TextIO | None = None,
    *,
    prose_within: int | None = None,
) -> None:
    """Columns as wide as they need to be; the first is left-aligned, the others right-aligned.
    Data, unless `file` is another than standard output.

    `prose_within` so many columns of a terminal the last one is left-aligned and wrapped.
    """
    lines = [tuple(map(harmless, line)) for line in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        first = line[0].ljust(widths[0])
        rest = (cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        cells = (first, *rest)
        if prose_within is None:
            print("  ".join(cells).rstrip(), file=file)
        else:
            _print_wrapped("  ".join((*cells[:-1], "")), line[-1], prose_within, file)


def _print_wrapped(before: str, prose: str, columns: int, file: TextIO | None) -> None:
    room = max(columns - len(before), NARROWEST_PROSE)
    for part in textwrap.wrap(prose, room) or [""]:
        print(f"{before}{part}".rstrip(), file=file)
        before = " " * len(before)
