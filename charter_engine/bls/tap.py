"""The tap: a record of every request that was served, for any number of readers.

A reader sends a cursor and gets the records behind it, with the cursor to send next.
What was overwritten before it came is counted.
"""

import binascii
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from json.encoder import encode_basestring_ascii
from typing import Any

import numpy as np

from .chain import Chain
from .recent import Decode, RecentError, RecentPrompts
from .ring import Ring, Stretch

MOST_RECORDS = 4_096
"""Assumed: a reader that comes each second gets all of 4,000 requests a second at once."""
MOST_BYTES = 1 << 20
"""Of one answer to a reader: a reader that is behind asks again."""
NOT_KEPT = "charter_tap: recent prompts are not kept: the parameter recent_prompts_bytes says 0"
LONGEST_WORDS = 300
"""In characters: a name that a client chose, or an error."""


class TapError(ValueError):
    """There is no tap to read, or the cursor is none that a tap gave."""


class Tap:
    """Writes and reads the records of one model. All methods may be called from any thread."""

    def __init__(self, ring: Ring, recent: RecentPrompts | None = None) -> None:
        self._ring = ring
        self._recent = recent
        self._chain = Chain()
        self._lock = threading.Lock()

    def add(
        self,
        fields: Mapping[str, str | float | None],
        token_ids: Any,
        answer_ids: Any = (),
    ) -> None:
        """Keep what is known of a request, and of its prompt and answer no more than the chained
        hashes.

        Ids are best given as NumPy arrays. They go into the memory of recent prompts, where there
        is one.
        """
        answer = np.asarray(answer_ids, np.int32)
        with self._lock:
            hashes, further = self._chain.with_answer(token_ids, answer)
        words = [
            f'"{name}":{_json(value)}'
            for name, value in fields.items()
            if value is not None and value != ""
        ]
        record = _object([*words, *_of_hashes(hashes, further)])
        self._ring.append(record if self._ring.holds(len(record)) else _object(words))
        if self._recent is not None and len(hashes):
            self._recent.add(int(hashes[-1]), token_ids, answer)

    def read(self, cursor: str) -> list[bytes]:
        """What is told first, as a JSON object, and then the records behind the cursor.

        An empty cursor stands before the oldest record. Raises `TapError`.
        """
        ring, first = _position(cursor)
        restarted = bool(ring) and ring != self._ring.name
        stretch = self._ring.read(0 if restarted else first, MOST_RECORDS, MOST_BYTES)
        return [json.dumps(_heading(stretch, cursor, restarted)).encode(), *stretch.records]

    def prompt(self, query: str, decode: Decode) -> list[bytes]:
        """A recent prompt by a query for it; see `RecentPrompts.told`. Raises `TapError`."""
        if self._recent is None:
            raise TapError(NOT_KEPT)
        try:
            return self._recent.told(query, decode)
        except RecentError as error:
            raise TapError(str(error)) from None

    def close(self) -> None:
        self._ring.close()
        if self._recent is not None:
            self._recent.close()


def _object(members: Sequence[str]) -> bytes:
    """A JSON object, put together here: `json` makes its encoder anew for each, at twice the
    cost."""
    return f"{{{','.join(members)}}}".encode("ascii")


def _json(value: object) -> str:
    if isinstance(value, str):
        return encode_basestring_ascii(value[:LONGEST_WORDS])
    if isinstance(value, float):
        return float.__repr__(value)
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _of_hashes(hashes: Any, further: Any) -> Iterator[str]:
    yield f'"hashes":"{_text(hashes)}"'
    if len(further):
        yield f'"answer_hashes":"{_text(further)}"'


def _text(hashes: Any) -> str:
    return binascii.b2a_base64(hashes.astype("<u8", copy=False), newline=False).decode("ascii")


def _position(cursor: str) -> tuple[str, int]:
    """The ring and the number of the next record that a cursor stands for."""
    ring, _, number = cursor.partition(":")
    if not cursor:
        return "", 0
    if not ring or not number.isdecimal() or len(number) > 18:
        raise TapError(f"charter_tap: {cursor[:40]!r} is no cursor: send the last one, or none")
    return ring, int(number)


def _heading(stretch: Stretch, cursor: str, restarted: bool) -> dict[str, Any]:
    """A reader that has no cursor yet has lost nothing; one of an earlier ring has lost what it did
    not read there, and nobody knows how much."""
    behind = stretch.first + len(stretch.records)
    return {
        "cursor": f"{stretch.ring}:{behind}",
        "first": stretch.first,
        "lost": stretch.lost if cursor else 0,
        "left": stretch.written - behind,
        "restarted": restarted,
    }
