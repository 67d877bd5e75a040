"""Names that are made up for each prompt, and numbers that count."""

import re

from charter_engine.traffic.causes.difference import TextDifference

_UUID = r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_RANDOM = r"(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{8,}"
IDENTIFIER = re.compile(rf"{_UUID}|{_RANDOM}")
NUMBER = re.compile(r"\d[\d,._]*")
_WORD_OF_A_GATEWAY = re.compile(
    r"(?:^|[\[<({\s])"
    r"(?:x-[\w-]+|(?:request|trace|correlation|span)[-_ ]?id|traceparent"
    r"|[\w-]*(?:nonce|billing)[\w-]*)"
    r"\s*[:=]",
    re.IGNORECASE,
)
HEAD_TOKENS = 96
"""What a gateway puts in front of a prompt is within its first tokens."""


def gateway(difference: TextDifference) -> str:
    """A line at the head of the prompt that is of the kind gateways and clients put there."""
    line = difference.line_now.strip()
    if difference.token > HEAD_TOKENS:
        return ""
    made_up = difference.both(IDENTIFIER)
    if not _WORD_OF_A_GATEWAY.search(line) and not (made_up and line.strip("[]<>(){}") in made_up):
        return ""
    return f"the head of the prompt has the line {line[:80]!r}, another in each prompt"


def identifier(difference: TextDifference) -> str:
    """A UUID or another made-up name that is another in each prompt."""
    found = difference.both(IDENTIFIER)
    return f"{found[0]!r} stood there, {found[1]!r} stands there now" if found else ""


def counter(difference: TextDifference) -> str:
    """A number that is another in each prompt."""
    found = difference.both(NUMBER)
    return f"it was {found[0]} and is {found[1]}" if found else ""
