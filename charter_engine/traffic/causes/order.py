"""The same things in another order: tools, keys of JSON objects, lines and words."""

import re

from charter_engine.traffic.causes.difference import TextDifference

_NAME = re.compile(r'"name"\s*:\s*"([^"]+)"')
_KEY = re.compile(r'"([^"\\]+)"\s*:')
_ITEM = re.compile(r"[^\s,;\[\]{}()]+")
MOSTLY = 0.5
"""So much of what was left out has to come later, for it to count as moved."""


def tool_order(difference: TextDifference) -> str:
    """Named tools that come in another order."""
    found = _reordered(difference, _NAME)
    return f"{found[0]} came first, and {found[1]} comes first now" if found else ""


def key_order(difference: TextDifference) -> str:
    """Keys of a JSON object that come in another order."""
    found = _reordered(difference, _KEY)
    return f"the key {found[0]!r} came first, and {found[1]!r} comes first now" if found else ""


def item_order(difference: TextDifference) -> str:
    """Lines or words that come in another order."""
    if not _is_shuffled(difference):
        return ""
    if difference.change.resumes and difference.change.moved >= MOSTLY:
        return "what stood there comes later in the prompt"
    return "the same words come in another order"


def _is_shuffled(difference: TextDifference) -> bool:
    if difference.change.resumes and difference.change.moved >= MOSTLY:
        return True
    then, now = (_ITEM.findall(line) for line in (difference.line_then, difference.line_now))
    return len(then) > 1 and then != now and sorted(then) == sorted(now)


def _reordered(difference: TextDifference, pattern: re.Pattern[str]) -> tuple[str, str] | None:
    """The first two names that stand in another order, of those that both texts have."""
    if not _is_shuffled(difference):
        return None
    begin = difference.line_begin
    then = pattern.findall(begin + difference.stood)
    now = pattern.findall(begin + difference.stands)
    both = set(then) & set(now)
    stood = list(dict.fromkeys(name for name in then if name in both))
    stands = list(dict.fromkeys(name for name in now if name in both))
    pairs = zip(stood, stands, strict=True)
    return next((pair for pair in pairs if pair[0] != pair[1]), None)
