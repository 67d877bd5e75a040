"""Tables and titles in Markdown."""

import re
from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a blank line behind it; empty where there are no rows."""
    lines = [_row(row) for row in rows]
    if not lines:
        return ""
    return "\n".join((_row(heads), "|" + "---|" * len(heads), *lines, "", ""))


def code(text: str) -> str:
    """Text in the letters of code."""
    return f"`{text}`"


def anchor(title: str) -> str:
    """What a title is linked by (Python-Markdown, "Table of Contents": `slugify`)."""
    kept = re.sub(r"[^\w\s-]", "", title).strip().lower()
    return re.sub(r"[-\s]+", "-", kept)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') or ' ' for cell in cells)} |"
