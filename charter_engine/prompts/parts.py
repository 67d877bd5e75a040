"""Prompts in parts that a layout can move: paragraphs of static text, and what fills the gaps
between them."""

import itertools
import re
from collections.abc import Iterable

from msgspec.structs import replace

from charter_engine.contracts.graph import Segment

_PARAGRAPH = re.compile(r"\n[ \t]*\n[\s]*")
LABEL_CHARACTERS = 80


def split_static(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Split static segments at blank lines. A part keeps the blank line before it: joining gives
    the same text."""
    parts: list[Segment] = []
    for segment in segments:
        if segment.kind != "static":
            parts.append(segment)
            continue
        line = segment.line
        for text in _paragraphs(segment.text):
            parts.append(replace(segment, text=text, line=line, tokens=_share(segment, text)))
            line += text.count("\n") if segment.line else 0
    return tuple(parts)


def _paragraphs(text: str) -> list[str]:
    starts = [
        0,
        *(match.start() for match in _PARAGRAPH.finditer(text) if match.start() > 0),
        len(text),
    ]
    pieces = [text[start:end] for start, end in itertools.pairwise(starts) if start < end]
    if len(pieces) > 1 and not pieces[-1].strip():
        last = pieces.pop()
        pieces[-1] += last
    return pieces


def _share(segment: Segment, text: str) -> int | None:
    if segment.tokens is None or not segment.text:
        return segment.tokens
    return max(1, round(segment.tokens * len(text) / len(segment.text)))


def is_label(segments: tuple[Segment, ...], index: int) -> bool:
    """A short static part that ends in a colon and introduces what fills the gap behind it."""
    segment = segments[index]
    return (
        segment.kind == "static"
        and len(segment.text.strip()) <= LABEL_CHARACTERS
        and segment.text.rstrip().endswith(":")
        and index + 1 < len(segments)
        and segments[index + 1].kind != "static"
    )


def movable_groups(segments: tuple[Segment, ...]) -> tuple[tuple[int, ...], ...]:
    """Indices of segments that move together: a label with what it introduces, everything else
    alone."""
    groups: list[tuple[int, ...]] = []
    index = 0
    while index < len(segments):
        width = 2 if is_label(segments, index) else 1
        groups.append(tuple(range(index, index + width)))
        index += width
    return tuple(groups)
