"""What stands before a conversation, and how it is set."""

from charter_engine.traffic.causes.difference import TextDifference

ALIKE_CHARACTERS = 40
"""Assumed: so many equal characters, blanks aside, are the same text."""


def whitespace(difference: TextDifference) -> str:
    """Texts that differ in blanks and line ends alone."""
    then = _squeezed(difference.head[-ALIKE_CHARACTERS:] + difference.stood)
    now = _squeezed(difference.head[-ALIKE_CHARACTERS:] + difference.stands)
    length = min(len(then), len(now), 2 * ALIKE_CHARACTERS)
    raw = difference.stood[:ALIKE_CHARACTERS] != difference.stands[:ALIKE_CHARACTERS]
    if not raw or length < ALIKE_CHARACTERS or then[:length] != now[:length]:
        return ""
    return "the two texts differ only in blanks and line ends"


def system_prompt(difference: TextDifference) -> str:
    """Instructions that are others now."""
    if difference.role not in ("system", "developer"):
        return ""
    return f"the {difference.role} message is another from token {difference.token:,} on"


def other_text(difference: TextDifference) -> str:
    """Whatever else it is."""
    then, now = (line.strip()[:80] for line in (difference.line_then, difference.line_now))
    return f"the line was {then!r} and is {now!r}"


def _squeezed(text: str) -> str:
    return "".join(text[: 8 * ALIKE_CHARACTERS].split())
