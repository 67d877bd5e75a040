"""The cells of a table, read by columns without an object for each."""

from typing import Any

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from charter_engine.kvcache.workload.batch import Floats
from charter_engine.kvcache.workload.ids import Ints

_MOST_DIGITS = 18
"""Of a number that 64 bits surely hold."""
_LONGEST_CELL = 40
"""Derived: a time with its date, nine digits of a second and its zone has 35 characters."""
_UTC = b"+00:00"
_NUMBERS = b"0123456789, ."
_SEPARATORS = {4: b"-", 7: b"-", 10: b" T", 13: b":", 16: b":", 19: b"."}
"""What stands between the parts of a time, by its place."""
_SECOND_END = 19
"""Derived: the characters of `2026-01-31T12:00:00`."""
_MOST_FRACTION_DIGITS = 9
"""Derived: times are told to the nanosecond at most."""


_floats = msgspec.json.Decoder(list[float])


class Cells:
    """Some lines of a table in which nothing is quoted, each with a cell for every column.

    Raises ValueError for other lines. So do all methods for cells that are not plainly what is
    asked for: then each line has to be looked at by itself.
    """

    def __init__(self, lines: bytes, delimiter: str, width: int) -> None:
        text = lines.replace(b"\r\n", b"\n") if b"\r" in lines else lines
        if not text.endswith(b"\n"):
            text += b"\n"
        marks = np.frombuffer(text, np.uint8)
        is_end = marks == ord("\n")
        ends = np.flatnonzero(is_end | (marks == ord(delimiter)))
        if b'"' in text or len(ends) % width or np.count_nonzero(is_end) * width != len(ends):
            raise ValueError("not a cell for every column")
        self._text = text
        self._marks = np.concatenate((marks, np.zeros(_LONGEST_CELL + 1, dtype=np.uint8)))
        self._end = ends.reshape(-1, width)
        self._start = np.concatenate(([0], ends[:-1] + 1)).reshape(-1, width)
        if not is_end[self._end[:, -1]].all():
            raise ValueError("not a cell for every column")

    def __len__(self) -> int:
        return len(self._end)

    def texts(self, place: int) -> list[str]:
        """A column as it is written."""
        bounds = zip(self._start[:, place].tolist(), self._end[:, place].tolist(), strict=True)
        return [self._text[start:end].decode("utf-8", "replace") for start, end in bounds]

    def whole_numbers(self, place: int) -> Ints:
        """A column of whole numbers from 0 up, digit by digit from the last one on."""
        start, end = self._start[:, place], self._end[:, place]
        length = end - start
        if length.min() < 1 or length.max() > _MOST_DIGITS:
            raise ValueError("not a number in every line")
        numbers = np.zeros(len(self), dtype=np.int64)
        for back in range(int(length.max()), 0, -1):
            # What stands before a shorter number is taken for a zero.
            digit = self._marks[np.maximum(end - back, start)] - np.uint8(ord("0"))
            digit *= length >= back
            if digit.max() > 9:
                raise ValueError("no digit")
            numbers *= 10
            numbers += digit
        return numbers

    def numbers(self, place: int) -> Floats:
        """A column of numbers."""
        text = self._listed(place, _NUMBERS, _LONGEST_CELL)
        try:
            # Takes a third of the time that NumPy does.
            return np.array(_floats.decode(b"[" + text + b"]"), dtype=np.float64)
        except msgspec.MsgspecError:
            numbers: Floats = self._read(text, np.float64)
            return numbers

    def begin_with_date(self, place: int) -> bool:
        """Whether a column seems to hold times by the clock, by its first cell."""
        first = self._text[self._start[0, place] : self._end[0, place]]
        return first[4:5] == b"-"

    def clock_ns(self, place: int) -> Ints:
        """A column of times by the clock in UTC, as ns since 1970: dates, then times to the second
        or up to nine digits of it, with or without a zone."""
        cells, length = self._column(place, _LONGEST_CELL)
        if cells[0, : length[0]].tobytes().endswith(_UTC):
            length = self._without(_UTC, place)
        fractions = int(length.max()) - _SECOND_END - 1
        if length.min() < _SECOND_END or fractions > _MOST_FRACTION_DIGITS:
            raise ValueError("no time")
        marks = np.ascontiguousarray(cells.T)
        has_fraction = length > _SECOND_END
        for at, separators in _SEPARATORS.items():
            found = marks[at][has_fraction] if at == _SECOND_END else marks[at]
            if not np.logical_or.reduce([found == one for one in separators]).all():
                raise ValueError("no time")
        digits = marks - np.uint8(ord("0"))
        hour, minute, second = (_number(digits[at : at + 2]) for at in (11, 14, 17))
        if hour.max() > 23 or minute.max() > 59 or second.max() > 59:
            raise ValueError("no time of a day")
        fraction = digits[_SECOND_END + 1 : _SECOND_END + 1 + max(fractions, 0)]
        fraction[np.arange(_SECOND_END + 1, len(fraction) + _SECOND_END + 1)[:, None] >= length] = 0
        parts = _number(fraction) * 10 ** (_MOST_FRACTION_DIGITS - len(fraction))
        seconds = (hour * 60 + minute) * 60 + second
        ns: Ints = _day_ns(digits) + seconds * 1_000_000_000 + parts
        return ns

    def _without(self, suffix: bytes, place: int) -> Ints:
        """How long the cells of a column are without a suffix that all have."""
        start, end = self._start[:, place], self._end[:, place] - len(suffix)
        found = sliding_window_view(self._marks, len(suffix))[np.maximum(end, start)]
        if not (found == np.frombuffer(suffix, np.uint8)).all():
            raise ValueError("times of several zones")
        length: Ints = end - start
        return length

    def _listed(self, place: int, marks: bytes, longest: int) -> bytes:
        """A column of numbers that are written with some marks, with commas between them."""
        cells, length = self._column(place, longest)
        cells[np.arange(cells.shape[1]) > length[:, None]] = ord(" ")
        cells[np.arange(len(cells)), length] = ord(",")
        text = cells.tobytes()
        blanks = cells.size - len(cells) - int(length.sum())
        if text.translate(None, marks) or text.count(b" ") > blanks or not length.all():
            raise ValueError("not a number in every line")
        return text.rstrip(b" ,")

    def _read(self, text: bytes, dtype: type[Any]) -> NDArray[Any]:
        """The numbers of a column, with commas between them."""
        float(text.rpartition(b",")[2])
        # Whatever cannot be read ends the numbers, so that of what can it is the last.
        numbers = np.fromstring(text, dtype, sep=",")
        if len(numbers) != len(self):
            raise ValueError("not a number in every line")
        return numbers

    def _column(self, place: int, longest: int) -> tuple[NDArray[np.uint8], Ints]:
        """A column, a row for each cell and what follows it, and how long each cell is."""
        start, length = self._start[:, place], self._end[:, place] - self._start[:, place]
        width = int(length.max()) + 1
        if width > longest + 1:
            raise ValueError("longer than any number or time")
        return sliding_window_view(self._marks, width)[start], length


def _number(digits: NDArray[np.uint8]) -> Ints:
    """Numbers of which a row has the digits of one place. Raises ValueError."""
    if digits.max(initial=0) > 9:
        raise ValueError("no digit")
    number = np.zeros(digits.shape[1], dtype=np.int64)
    for digit in digits:
        number = 10 * number + digit
    return number


def _day_ns(digits: NDArray[np.uint8]) -> Ints:
    """When the day of some times began, by the digits of their places."""
    year, month, day = _number(digits[0:4]), _number(digits[5:7]), _number(digits[8:10])
    days, which = np.unique((year * 100 + month) * 100 + day, return_inverse=True)
    written = [f"{one:08}" for one in days.tolist()]
    began = np.array([f"{one[:4]}-{one[4:6]}-{one[6:]}" for one in written], "datetime64[ns]")
    ns: Ints = began.astype(np.int64)[which]
    return ns
