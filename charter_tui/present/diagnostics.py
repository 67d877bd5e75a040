"""A diagnostic in words: where, what, and the remedy, each a sentence."""

from pathlib import PurePath

from charter_engine.contracts.graph import Diagnostic
from charter_tui.present.spans import plain
from charter_tui.present.words import sentence


def diagnostic_text(item: Diagnostic, name_only: bool = False) -> str:
    """`agent.py:3:7: What is wrong. What to do.`; `name_only` leaves out the file's folder."""
    path = plain(PurePath(item.path).name if name_only else item.path)
    place = f"{path}:{item.line}:{item.column}: " if item.line else f"{path}: " if path else ""
    return place + " ".join(sentence(text) for text in (item.message, item.remedy) if text.strip())
