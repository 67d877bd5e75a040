"""Times and shares as an operator writes them."""

import re

from charter_engine.contracts.moments import Mistyped, parse_length
from charter_engine.errors import UsageError

_PERCENTAGE = re.compile(r"(\d+(?:\.\d+)?)%")


def seconds_of(text: str, place: str) -> float:
    """`90s`, `5m` or `1h30m` in seconds, more than nothing. Raises `UsageError`."""
    try:
        return parse_length(text)
    except Mistyped as error:
        raise UsageError(f"{place}: {error}") from None


def share_of(text: str, place: str) -> float:
    """`5%` as 0.05. Raises `UsageError`."""
    found = _PERCENTAGE.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{place} {text}: not a percentage", remedy="write 5%")
    return float(found[1]) / 100
