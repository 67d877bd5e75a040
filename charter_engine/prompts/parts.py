"""Prompts in parts that a layout can move: paragraphs of static text, and what fills the gaps
between them."""

import itertools
import re
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from charter_engine.contracts.graph import Call, Segment

_PARAGRAPH = re.compile(r"\n[ \t]*\n[\s]*")
_CONSTANT = re.compile(r"(\w+\.)*[A-Z][A-Z0-9_]+")
LABEL_CHARACTERS = 80
"""Assumed: what stands before a value on one line; longer texts are content of their own."""


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


def is_constant(segment: Segment) -> bool:
    """Whether a segment is the same in every call: text, or something whose name is a constant's,
    in capitals, wherever that is defined."""
    named = _CONSTANT.fullmatch(segment.expression or segment.name)
    return segment.kind == "static" or (segment.kind == "variable" and named is not None)


def whole(call: Call) -> tuple[Segment, ...]:
    """A prompt as a chat template writes it: what goes with the request, then the messages."""
    return (*call.head, *call.segments)


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


def movable_groups(
    segments: tuple[Segment, ...], indices: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """Those of the segments that stand next to each other, by what moves together: what shares a
    line, and a label with what it introduces."""
    groups: list[list[int]] = []
    for index in indices:
        if groups and not _is_break(segments, groups[-1][-1]):
            groups[-1].append(index)
        else:
            groups.append([index])
    return tuple(map(tuple, groups))


def _is_break(segments: tuple[Segment, ...], index: int) -> bool:
    """Whether a line, or a constant that stands for itself, ends behind a segment."""
    if is_label(segments, index):
        return False
    before, after = segments[index], segments[index + 1]
    ends = before.text.endswith("\n") or after.text.startswith("\n")
    return ends or _stands_alone(before) or _stands_alone(after)


def _stands_alone(segment: Segment) -> bool:
    is_constant = segment.kind == "static" and bool(segment.name)
    return is_constant and len(segment.text) > LABEL_CHARACTERS


def messages(segments: tuple[Segment, ...]) -> tuple[tuple[int, ...], ...]:
    """Indices of segments by chat message: neighbours of one role. What the turns of a history
    leave stands apart."""
    found: list[list[int]] = []
    for index, segment in enumerate(segments):
        last = segments[found[-1][-1]] if found else None
        if last is not None and (last.role, last.each_turn) == (segment.role, segment.each_turn):
            found[-1].append(index)
        else:
            found.append([index])
    return tuple(map(tuple, found))
