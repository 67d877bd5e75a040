"""What a client does to the conversation so far: cut it, write it anew, tokenise it anew."""

import re

from charter_engine.traffic.causes.difference import TextDifference

_THINKING = re.compile(
    r"</?think(?:ing)?>|<\|channel\|>\s*analysis|\"type\"\s*:\s*\"(?:redacted_)?thinking\""
    r"|reasoning_content|\[THINK\]|^thinking: ",
    re.IGNORECASE | re.MULTILINE,
)
TRIMMED_TOKENS = 8
"""Fewer tokens left out are a word, and no part of a conversation."""
MARKER_SHARE = 4
"""What stands in place of what was cut is at most one part in so many of it."""
ALIKE_CHARACTERS = 24
"""Assumed: so many equal characters are the same message, moved."""


def thinking_dropped(difference: TextDifference) -> str:
    """Thinking of an earlier answer that the prompt leaves out."""
    stood = difference.line_begin[-12:] + difference.left_out
    if not _THINKING.search(stood) or _THINKING.search(difference.put_in):
        return ""
    return f"{difference.change.left_out:,} tokens of thinking stood there and are left out now"


def history_trimmed(difference: TextDifference) -> str:
    """Messages that are left out, so that later ones move up."""
    change = difference.change
    cut = change.resumes and change.left_out >= TRIMMED_TOKENS
    if not difference.token or not cut or change.put_in * MARKER_SHARE > change.left_out:
        return ""
    return f"{change.left_out:,} tokens that stood there are left out, and what followed moved up"


def history_rewritten(difference: TextDifference) -> str:
    """An earlier message that reads otherwise now."""
    if difference.role in ("", "system", "developer", "tools") or not difference.later_messages:
        return ""
    return f"an earlier message of role {difference.role} was {_change_in_words(difference)}"


def retokenised(difference: TextDifference) -> str:
    """The same text as other tokens: an answer that was sent back as text."""
    stood, stands = difference.stood[:ALIKE_CHARACTERS], difference.stands[:ALIKE_CHARACTERS]
    if len(stood) < ALIKE_CHARACTERS or stood != stands:
        return ""
    return "both texts read alike; only their tokens differ"


def _change_in_words(difference: TextDifference) -> str:
    change = difference.change
    if not change.resumes:
        return "written anew"
    return f"changed: {change.left_out:,} tokens became {change.put_in:,}"
