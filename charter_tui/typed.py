"""What operators type: retentions, priorities, shares, names, counts.

Errors are sentences for them.
"""

import difflib
import math
import re
from collections.abc import Collection
from typing import Final

from charter_engine.contracts.moments import Mistyped, parse_seconds
from charter_engine.contracts.settings import MAX_DURATION_MS, MAX_PRIORITY, UNTIL_EVICTED

_ENDLESS: Final = frozenset(("", "∞", "none", "never", "forever", "until evicted", "-1"))


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
