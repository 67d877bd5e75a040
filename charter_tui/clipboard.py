"""Copying through the terminal (OSC 52), and what can be known of whether it worked."""

import os
from collections.abc import Mapping
from typing import Final

MOST_BYTES: Final = 74_994 // 4 * 3
"""What terminals take at most, before it is packed (xterm and hterm: 74,994 in base64)."""
_DOUBTS: Final = (
    ("STY", "GNU screen does not pass it on"),
    ("TMUX", "tmux passes it on only with `set -g set-clipboard on`"),
    ("VTE_VERSION", "terminals built on VTE, such as GNOME's, ignore it"),
)


def doubt(environment: Mapping[str, str] = os.environ) -> str:
    """Why the text may not have arrived; terminals do not answer, so it is never sure."""
    for name, words in _DOUBTS:
        if environment.get(name):
            return words
    if environment.get("TERM_PROGRAM") == "Apple_Terminal" or environment.get("TERM") == "linux":
        return "this terminal ignores it"
    return "terminals do not tell whether they took it"


def told(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """What the operator is told of a copy of `text`."""
    if fits(text):
        count = "1 character" if len(text) == 1 else f"{len(text):,} characters"
        return f"Sent {count} to the terminal's clipboard; {doubt(environment)}."
    return f"Not copied: terminals take at most {MOST_BYTES:,} bytes."


def fits(text: str) -> bool:
    """Whether terminals take as much."""
    return len(text.encode()) <= MOST_BYTES
