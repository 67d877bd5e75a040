"""Which piece of an agent's prompt stands at a place of a text, and the line of source it is from.

A prompt may come as written, as planned or within a chat template: its static pieces are looked for
wherever they stand, and what stands behind one belongs to the variables that follow it in the
source.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from msgspec.structs import replace

from charter_engine.contracts.explaining import MissCause
from charter_engine.contracts.graph import Call, Segment
from charter_engine.traffic.causes.table import REMEDIES

LEAST_CHARACTERS = 8
"""A shorter static piece stands in any text."""


@dataclass(frozen=True)
class _Found:
    """Where a static segment, by its number in the call, stands in a text."""

    begin: int
    end: int
    number: int


def placed(cause: MissCause, calls: Sequence[Call], node: str, text: str, offset: int) -> MissCause:
    """The cause with the segment that stands at a character of a prompt of the node, or, where no
    node is known, of the call that the text fits best."""
    call = next((call for call in calls if call.id == node), None) or _best(calls, text)
    segment = segment_at(call, text, offset) if call is not None else None
    if call is None or segment is None or segment.kind == "static":
        return cause
    name = segment.call if segment.kind == "upstream" else segment.expression or segment.name
    told = replace(cause, segment=name or "", path=call.path, line=segment.line or call.line)
    if cause.kind != "other text":
        return told
    evidence = f"it differs where `{name}` stands; {cause.evidence}"
    return replace(told, kind="variable", evidence=evidence, remedy=REMEDIES["variable"])


def segment_at(call: Call, text: str, offset: int) -> Segment | None:
    """The segment of a call that stands at a character of a prompt; None where that cannot be
    told."""
    found = sorted(_found(call, text), key=lambda item: item.begin)
    if not found:
        return None
    known = {item.number for item in found}
    within = next((item for item in found if item.begin <= offset < item.end), None)
    if within is not None:
        return call.segments[within.number]
    before = [item for item in found if item.end <= offset]
    first = before[-1].number + 1 if before else 0
    between = takewhile(lambda number: number not in known, range(first, len(call.segments)))
    variables = (call.segments[number] for number in between)
    return next((segment for segment in variables if segment.kind != "static"), None)


def _best(calls: Sequence[Call], text: str) -> Call | None:
    """The call of which most static text is there, if it is all there."""
    whole = [call for call in calls if _is_whole(call, text)]
    return max(whole, key=_static_characters, default=None)


def _is_whole(call: Call, text: str) -> bool:
    return len(list(_found(call, text))) == len(list(_statics(call))) > 0


def _static_characters(call: Call) -> int:
    return sum(len(text) for _, text in _statics(call))


def _found(call: Call, text: str) -> Iterator[_Found]:
    for number, static in _statics(call):
        begin = text.find(static)
        if begin >= 0:
            yield _Found(begin, begin + len(static), number)


def _statics(call: Call) -> Iterator[tuple[int, str]]:
    for number, segment in enumerate(call.segments):
        static = segment.text.strip() if segment.kind == "static" else ""
        if len(static) >= LEAST_CHARACTERS:
            yield number, static
