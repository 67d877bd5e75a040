"""Whether the header of a GGUF file is whole: what it counts is there.

    magic | version | tensors | pairs | pair … | tensor …
    pair:    key | type | value          an array: type of items | length | item …
    tensor:  name | dimensions | length of each | type | offset

The package gguf believes every count, and reads for hours what a damaged one promises. Layout and
types: ggml, docs/gguf.md.
"""

import struct
from mmap import mmap
from typing import Final

from charter_engine.embedded.engine.errors import EngineConfigError

MAGIC = b"GGUF"
STRING, ARRAY = 8, 9
"""Taken from GGUF: the types of a value that has no fixed size."""
SCALAR_BYTES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
MOST_ITEMS = 4 << 20
"""Of an array: several times as many as any vocabulary has."""
MOST_NESTED = 4
"""Assumed: headers hold lists of texts, and none was seen with a list in a list."""
_COUNTS_AT = len(MAGIC)


def require_whole(content: bytes | mmap) -> None:
    """Raises `EngineConfigError` where a string, an array or a list ends behind the file."""
    if content[:_COUNTS_AT] != MAGIC:
        raise EngineConfigError("it does not begin with GGUF")
    try:
        _walk(_Cursor(content))
    except struct.error:
        raise EngineConfigError("its header counts more than the file holds") from None


class _Cursor:
    """A place in the file, in its byte order: of a big-endian one the version's low half is 0."""

    def __init__(self, content: bytes | mmap) -> None:
        self._content = content
        self._at = _COUNTS_AT
        (version,) = struct.unpack_from("<I", content, self._at)
        self._order = "<" if version & 0xFFFF else ">"

    def number(self, form: str) -> int:
        form = self._order + form
        (value,) = struct.unpack_from(form, self._content, self._at)
        self._at += struct.calcsize(form)
        return int(value)

    def skip(self, length: int) -> None:
        if length > len(self._content) - self._at:
            raise struct.error
        self._at += length

    def skip_string(self) -> None:
        self.skip(self.number("Q"))


def _walk(cursor: _Cursor) -> None:
    cursor.number("I")
    tensors, pairs = cursor.number("Q"), cursor.number("Q")
    for _ in range(pairs):
        cursor.skip_string()
        _skip_value(cursor, cursor.number("I"), MOST_NESTED)
    for _ in range(tensors):
        cursor.skip_string()
        cursor.skip(8 * cursor.number("I"))
        cursor.skip(4 + 8)


def _skip_value(cursor: _Cursor, kind: int, nested: int) -> None:
    if kind in SCALAR_BYTES:
        cursor.skip(SCALAR_BYTES[kind])
    elif kind == STRING:
        cursor.skip_string()
    elif kind == ARRAY and nested:
        _skip_array(cursor, cursor.number("I"), cursor.number("Q"), nested - 1)
    else:
        raise EngineConfigError(f"its header holds a value of the unknown type {kind}")


def _skip_array(cursor: _Cursor, kind: int, length: int, nested: int) -> None:
    if length > MOST_ITEMS:
        raise EngineConfigError(f"its header holds an array of {length:,} items")
    if kind in SCALAR_BYTES:
        cursor.skip(SCALAR_BYTES[kind] * length)
        return
    for _ in range(length):
        _skip_value(cursor, kind, nested)
