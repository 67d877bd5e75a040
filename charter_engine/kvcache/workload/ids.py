"""Ids of content units, many lists at once: decoded, or in JSON as they are written, which are read
without an object for each number."""

import re
from collections.abc import Sequence
from itertools import chain
from typing import TypeAlias, TypeVar

import numpy as np
from msgspec import Raw, UnsetType
from numpy.typing import NDArray

Ints = NDArray[np.int64]
IdList: TypeAlias = Sequence[int] | Raw | UnsetType | None
"""Ids of one request; as `Raw`, a JSON list of them. What is not there is empty."""
Ids = TypeVar("Ids", Raw, list[int], list[int] | None)
"""How a record holds ids: as they are written, or decoded, which tells what is wrong with them."""

LARGEST_ID = (1 << 62) - 1
"""What is kept of ids of 64 bits: ids are signed numbers, and runs count up from them."""

_NONE = Raw(b"[]")
_BLANK_LIST = re.compile(rb"\[\s+\]")
_OTHER_MARKS = (b'"', b"-", b".")
"""What besides letters and brackets anything but a number from 0 up is written with."""


def joined_ids(lists: Sequence[IdList]) -> tuple[Ints, Ints]:
    """How many ids each request has, and the ids of all. What is beyond 62 bits is lost.

    Raises OverflowError for numbers of more than 64, and ValueError for JSON that is no list of
    numbers from 0 up, and for negative numbers among those of more than 62.
    """
    if any(isinstance(one, Raw) for one in lists):
        return _joined_json([one if isinstance(one, Raw) else _NONE for one in lists])
    known = [one if isinstance(one, Sequence) else () for one in lists]
    counts = np.fromiter(map(len, known), np.int64, len(known))
    count = int(counts.sum())
    try:
        ids = np.fromiter(chain.from_iterable(known), np.int64, count)
    except OverflowError:
        return counts, _masked([*chain.from_iterable(known)])
    return counts, _kept(ids)


def _joined_json(lists: Sequence[Raw]) -> tuple[Ints, Ints]:
    text = b"".join(lists)
    marks = np.frombuffer(text, np.uint8)
    begins, ends = np.flatnonzero(marks == ord("[")), np.flatnonzero(marks == ord("]"))
    if not np.array_equal(begins, np.concatenate(([0], ends[:-1] + 1))) or len(ends) != len(lists):
        raise ValueError("not a list of numbers")
    if _BLANK_LIST.search(text):
        raise ValueError("a list of blanks")
    commas = np.flatnonzero(marks == ord(","))
    is_filled = ends > begins + 1
    counts = np.searchsorted(commas, ends) - np.searchsorted(commas, begins) + is_filled
    listed = marks.copy()
    listed[begins] = listed[ends] = ord(" ")
    listed[ends[is_filled][:-1]] = ord(",")
    return counts, _numbers(listed)


def _numbers(marks: NDArray[np.uint8]) -> Ints:
    """The numbers of a text, with commas between them."""
    text = marks.tobytes()
    if text.isspace() or not text:
        return np.zeros(0, dtype=np.int64)
    if marks.max() > ord("9") or any(mark in text for mark in _OTHER_MARKS):
        raise ValueError("not a list of numbers from 0 up")
    ids: Ints = np.fromstring(text, np.int64, sep=",")
    if ids.max() < np.iinfo(np.int64).max:
        return _kept(ids)
    wide = np.fromstring(text, np.uint64, sep=",")
    if wide.max() == np.iinfo(np.uint64).max:
        raise ValueError("as large as numbers of 64 bits can be, or larger")
    return _narrowed(wide)


def _masked(ids: Sequence[int]) -> Ints:
    """What is kept of ids of 64 bits."""
    if min(ids) < 0:
        raise ValueError("ids of tokens and blocks cannot be negative")
    try:
        return _narrowed(np.array(ids, dtype=np.uint64))
    except OverflowError:
        raise OverflowError("ids of tokens and blocks are numbers of at most 64 bits") from None


def _narrowed(wide: NDArray[np.uint64]) -> Ints:
    return (wide & np.uint64(LARGEST_ID)).astype(np.int64)


def _kept(ids: Ints) -> Ints:
    large = ids > LARGEST_ID
    return np.where(large, ids & LARGEST_ID, ids) if large.any() else ids
