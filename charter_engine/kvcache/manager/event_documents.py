"""Logs of KV cache events as people save them, cut into what each holds: JSON Lines, lists drained
one behind another without line ends, documents written over many lines (as jq does), and lists that
Python printed."""

import ast
import json
from collections.abc import Iterable, Iterator

import msgspec

Document = tuple[int, object]
"""The number of the line a document begins in, from 1, and what it holds; an Exception for what
cannot be read."""

_CLOSING = {"[": "]", "{": "}"}
_OPENING = frozenset(_CLOSING)


def event_documents(lines: Iterable[bytes | str]) -> Iterator[Document]:
    """The documents of a log, one after another; blank lines hold none."""
    open_lines: list[str] = []
    begun = 0
    for number, line in enumerate(lines, start=1):
        text = line.decode(errors="replace") if isinstance(line, bytes) else line
        if open_lines:
            open_lines.append(text)
            if _closes(open_lines[0], text):
                yield from _on_one_line(begun, "".join(open_lines))
                open_lines = []
        elif text.strip() in _OPENING:
            open_lines, begun = [text], number
        elif text.strip():
            yield from _on_one_line(number, line)
    if open_lines:
        yield begun, ValueError(f"what begins with {open_lines[0].strip()!r} here has no end")


def _closes(opening: str, text: str) -> bool:
    """Whether a line ends what another one began: indented alike, it holds but the bracket."""
    indent = opening[: len(opening) - len(opening.lstrip())]
    return text.rstrip() == indent + _CLOSING[opening.strip()]


def _on_one_line(number: int, line: bytes | str) -> Iterator[Document]:
    try:
        yield number, msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        found = _printed_by_python(line) or _one_behind_another(line)
        if found is None:
            yield number, error
        else:
            yield from ((number, document) for document in found)


def _printed_by_python(line: bytes | str) -> list[object] | None:
    """The documents of a line in Python's spelling. None if it is not."""
    text = line.decode(errors="replace") if isinstance(line, bytes) else line
    if "{'" not in text:
        return None
    try:
        return [ast.literal_eval(text.strip())]
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _one_behind_another(line: bytes | str) -> list[object] | None:
    """The documents of a line that holds several. None if it does not."""
    text = (line.decode(errors="replace") if isinstance(line, bytes) else line).strip()
    decoder = json.JSONDecoder()
    found: list[object] = []
    place = 0
    try:
        while place < len(text):
            document, place = decoder.raw_decode(text, place)
            found.append(document)
            while place < len(text) and text[place] in " \t\r\n,":
                place += 1
    except (ValueError, RecursionError):
        return None
    return found
