"""The tokens of recent prompts and their answers, so that one can be looked at that missed.

They stand in memory that all instances of the model share, of a bounded size: the oldest go first.
They are never written to a disk, and gone when the model is unloaded.
"""

import json
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .ring import MEMORY, Ring, open_ring

DEFAULT_BYTES = 32 << 20
QUERY = "prompt:"
"""What a reader sends in place of a cursor: `prompt:HASH`, and `prompt:HASH:START:STOP` for the
text of those tokens, too. HASH is the last of the chained hashes in a record, in hexadecimal."""

_HEAD = struct.Struct("<QI")
"""The last chained hash of a prompt, and how many tokens it has; its tokens and the answer's
follow."""
Decode = Callable[[Sequence[int]], str]


class RecentError(ValueError):
    """A query that cannot be answered; the message says why."""


class RecentPrompts:
    """Keeps prompts and gives them back. All methods may be called from any thread."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring

    def add(self, last_hash: int, token_ids: Any, answer_ids: Sequence[int]) -> None:
        """Keep a prompt, if there is room for it, and its answer. `token_ids` is a NumPy array."""
        answer: Any = np.asarray(answer_ids, np.int32)
        head = _HEAD.pack(last_hash, len(token_ids))
        record = head + np.asarray(token_ids, np.int32).tobytes() + answer.tobytes()
        if self._ring.holds(record):
            self._ring.append(record)

    def told(self, query: str, decode: Decode) -> list[bytes]:
        """What is known of a prompt, as a JSON object; then its tokens and those of the answer,
        four bytes each, little-endian; then the text that was asked for.

        A prompt that is no longer kept is told by an empty object. Raises `RecentError`.
        """
        last_hash, start, stop = _parsed(query)
        record = self._ring.latest(_HEAD.pack(last_hash, 0)[:8])
        if record is None:
            return [b"{}"]
        _, prompt_tokens = _HEAD.unpack_from(record)
        ids = record[_HEAD.size :]
        chosen = np.frombuffer(ids, "<i4")[start:stop].tolist()
        heading = json.dumps({"prompt_tokens": prompt_tokens}).encode()
        return [heading, ids, decode(chosen).encode() if chosen else b""]

    def close(self) -> None:
        self._ring.close()


def open_recent(model: str, most_bytes: int) -> RecentPrompts | None:
    """The memory of a model's recent prompts; None for no bytes, and where no memory can be had."""
    if most_bytes <= 0:
        return None
    try:
        return RecentPrompts(open_ring(f"{model} prompts", most_bytes, directories=(MEMORY,)))
    except OSError:
        return None


def _parsed(query: str) -> tuple[int, int, int]:
    """The hash, and from which token to before which the text is wanted."""
    words = query.removeprefix(QUERY).split(":")
    try:
        last_hash = int(words[0], 16)
        start, stop = (int(word) for word in words[1:]) if len(words) > 1 else (0, 0)
        if not 0 <= last_hash < 1 << 64 or start < 0 or stop < 0:
            raise ValueError
    except ValueError:
        raise RecentError(
            f"charter_tap: {query[:60]!r} is no query: send prompt:HASH or prompt:HASH:START:STOP"
        ) from None
    return last_hash, start, stop
