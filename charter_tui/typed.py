"""What operators type: durations, times of day and moments, priorities.

Errors are sentences for them.
"""

import difflib
import math
import re
import time
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final

from charter_engine.contracts.settings import MAX_DURATION_MS, MAX_PRIORITY

_UNIT_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_PART.pattern}\s*)+")
_ENDLESS: Final = frozenset(("", "∞", "none", "never", "forever", "until evicted", "-1"))
UNTIL_EVICTED: Final = -1

Clock = Callable[[float], time.struct_time]


class Mistyped(ValueError):
    """Text that can't be read, with what was expected."""


def parse_seconds(text: str) -> float:
    """`30s`, `5m`, `1h30m`, `2.5 s`; a bare number is seconds. Raises `Mistyped`."""
    text = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not _DURATION.fullmatch(text):
        raise Mistyped(f"{text!r} is not a duration such as 30s, 5m or 1h30m")
    return sum(float(number) * _UNIT_MS[unit] for number, unit in _PART.findall(text)) / 1000


def parse_retention_ms(text: str) -> int:
    """A retention duration in milliseconds, or `UNTIL_EVICTED` for `none` or nothing.

    Raises `Mistyped`.
    """
    if text.strip().lower() in _ENDLESS:
        return UNTIL_EVICTED
    milliseconds = parse_seconds(text) * 1000
    if not 1 <= milliseconds <= MAX_DURATION_MS:
        raise Mistyped(f"{text!r} is outside 1 ms to 24 days; leave it empty for until evicted")
    return round(milliseconds)


def parse_priority(text: str) -> int:
    """0 to 100. Raises `Mistyped`."""
    if not re.fullmatch(r"[0-9]{1,3}", text.strip()) or int(text) > MAX_PRIORITY:
        raise Mistyped(
            f"{text.strip()!r} is not a priority; "
            "give a whole number from 0 (evicted first) to 100 (last)"
        )
    return int(text)


def parse_moment(
    text: str, start: float, end: float, position: float, local: Clock = time.localtime
) -> float:
    """A moment of a recording that runs from `start` to `end`, in epoch seconds, kept inside it.

    `3m ago` counts back from the end; `+30s` and `-1m` from `position`; `1:30` and `90s` from the
    start; `14:05` with a day's clock where the recording has that time, else from the start; also
    `2026-11-21 14:05:10`, an ISO timestamp, epoch seconds, `start` and `end`. Raises `Mistyped`.
    """
    typed = text.strip().lower()
    moment = _relative(typed, start, end, position)
    if moment is None:
        moment = _absolute(typed, start, end, local)
    if moment is None:
        raise Mistyped(
            f"{text.strip()!r} is not a time; try 3m ago, 14:05:10, 1:30, +30s or 2026-11-21 14:05"
        )
    return max(start, min(end, moment))


def _relative(typed: str, start: float, end: float, position: float) -> float | None:
    if typed in ("start", "begin", "end", "now"):
        return end if typed in ("end", "now") else start
    ago = re.fullmatch(r"(.+?)\s*ago", typed)
    signed = re.fullmatch(r"([+-])\s*(.+)", typed)
    try:
        if ago:
            return end - parse_seconds(ago[1])
        if signed:
            return position + (1 if signed[1] == "+" else -1) * parse_seconds(signed[2])
        if not re.fullmatch(r"\d{9,}(\.\d+)?", typed):
            return start + parse_seconds(typed)
    except Mistyped:
        pass
    return None


def _absolute(typed: str, start: float, end: float, local: Clock) -> float | None:
    if re.fullmatch(r"\d{9,}(\.\d+)?", typed):
        return float(typed)
    if clock := re.fullmatch(r"(\d{1,3}):(\d{2})(?::(\d{2}))?", typed):
        return _clock(clock, start, end, local)
    try:
        return datetime.fromisoformat(typed.upper().replace(" ", "T", 1)).timestamp()
    except ValueError:
        return None


def _clock(found: re.Match[str], start: float, end: float, local: Clock) -> float | None:
    """The time of day where the recording has it, else so long after its start.

    `1:30` is a minute and a half.
    """
    first, second, third = int(found[1]), int(found[2]), int(found[3] or 0)
    if second > 59 or third > 59:
        return None
    if first < 24:
        day = local(start)
        midnight = start - (day.tm_hour * 3600 + day.tm_min * 60 + day.tm_sec) - start % 1
        for days in range(int((end - start) // 86_400) + 2):
            moment = midnight + days * 86_400 + first * 3600 + second * 60 + third
            if start - 60 <= moment <= end:
                return moment
    return start + (first * 3600 + second * 60 + third if found[3] else first * 60 + second)


def parse_share(text: str) -> float:
    """`10 %`, `10%` or `0.1`, as 0 to 1. Raises `Mistyped`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", text.strip())
    share = float(found[1]) / (100 if found[2] else 1) if found else math.inf
    if share > 1:
        raise Mistyped(f"{text.strip()!r} is not a share such as 10 % or 0.1")
    return share


def listed(text: str) -> tuple[str, ...]:
    """What stands between commas, without what is empty."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parse_choice(text: str, choices: tuple[str, ...]) -> str:
    """One of `choices`, in whatever case it was typed. Raises `Mistyped`."""
    typed = text.strip().lower()
    if typed not in choices:
        raise Mistyped(f"{text.strip()!r} is not one of {', '.join(choices)}")
    return typed


def parse_count(text: str) -> int:
    """A whole number from 1. Raises `Mistyped`."""
    typed = text.strip().replace(",", "").replace("_", "")
    if not (typed.isascii() and typed.isdigit()) or int(typed) < 1:
        raise Mistyped(f"{text.strip()!r} is not a whole number from 1")
    return int(typed)


def nearest(word: str, known: Collection[str]) -> str:
    """A hint at the known word that `word` was probably meant to be, or nothing."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
