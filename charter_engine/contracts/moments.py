"""Spans and moments as operators type them. Errors are sentences for them."""

import math
import re
from datetime import datetime, timedelta, tzinfo
from typing import Final

_UNIT_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|min|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_PART.pattern}\s*)+")
_EPOCH = re.compile(r"\d{9,}(\.\d+)?")
_CLOCK = re.compile(r"(\d{1,3}):(\d{2})(?::(\d{2}))?")


class Mistyped(ValueError):
    """Text that can't be read, with what was expected."""


def parse_seconds(text: str) -> float:
    """`30s`, `5m`, `1h30m`, `2.5 s`; a bare number is seconds. Raises `Mistyped`."""
    text = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        seconds = float(text)
    elif _DURATION.fullmatch(text):
        parts = _PART.findall(text)
        seconds = sum(float(number) * _UNIT_MS[unit] for number, unit in parts) / 1000
    else:
        wrong = "is negative, not" if re.match(r"-\s*\.?\d", text) else "is not"
        raise Mistyped(f"{text!r} {wrong} a duration such as 30s, 5m or 1h30m")
    if seconds == math.inf:
        raise Mistyped("a duration of so many digits has no end")
    return seconds


def parse_length(text: str) -> float:
    """A duration that is longer than nothing. Raises `Mistyped`."""
    seconds = parse_seconds(text)
    if not seconds:
        raise Mistyped(f"{text!r} is no time at all; give 30s, 5m or 1h30m, say")
    return seconds


def parse_moment(
    text: str, start: float, end: float, position: float, zone: tzinfo | None = None
) -> float:
    """A moment by a recording that runs from `start` to `end`, in epoch seconds; it may lie
    outside.

    `3m ago` counts back from the end; `+30s` and `-1m` from `position`; `1:30` and `90s` from the
    start; `14:05` with a day's clock where the recording has that time, else from the start; also
    `2026-11-21 14:05:10`, an ISO timestamp, epoch seconds, `start` and `end`. Clocks and days are
    those of `zone` (None: of this machine). Raises `Mistyped`.
    """
    typed = text.strip().lower()
    moment = _relative(typed, start, end, position)
    if moment is None:
        moment = _absolute(typed, start, end, zone)
    if moment is None:
        raise Mistyped(
            f"{text.strip()!r} is not a time; try 3m ago, 14:05:10, 1:30, +30s or 2026-11-21 14:05"
        )
    return moment


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
        if not _EPOCH.fullmatch(typed):
            return start + parse_seconds(typed)
    except Mistyped:
        pass
    return None


def _absolute(typed: str, start: float, end: float, zone: tzinfo | None) -> float | None:
    if _EPOCH.fullmatch(typed):
        return float(typed)
    if clock := _CLOCK.fullmatch(typed):
        return _clock(clock, start, end, zone)
    try:
        given = datetime.fromisoformat(typed.upper().replace(" ", "T", 1))
        return (given if given.tzinfo else given.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        return None


def _clock(found: re.Match[str], start: float, end: float, zone: tzinfo | None) -> float | None:
    """The time of day where the recording has it, else so long after its start.

    `1:30` is a minute and a half.
    """
    first, second, third = int(found[1]), int(found[2]), int(found[3] or 0)
    if second > 59 or third > 59:
        return None
    if first < 24:
        day = datetime.fromtimestamp(start, zone)
        clock = day.replace(hour=first, minute=second, second=third, microsecond=0)
        for days in range(int((end - start) // 86_400) + 2):
            moment = (clock + timedelta(days=days)).timestamp()
            if start - 60 <= moment <= end:
                return moment
    return start + (first * 3600 + second * 60 + third if found[3] else first * 60 + second)
