"""Which segments a prompt holds in a later turn, and of which turn each is.

A history holds what every turn before has left, in order, as far as the program keeps it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from charter_engine.contracts.graph import Call, HistoryLimit, Segment

ASSUMED_WINDOW = 10
"""Messages of a history that are kept where only the running program knows how many."""


@dataclass(frozen=True)
class SentSegment:
    """A segment of a prompt, by its index, as it was in a turn, counted from 0."""

    index: int
    turn: int


Message = tuple[SentSegment, ...]
Size = Callable[[Message], int]
"""The tokens of a message."""


def grows(call: Call) -> bool:
    """Whether every turn leaves something in the prompts of the turns after it."""
    return any(segment.each_turn for segment in call.segments)


def sent_in(call: Call, turn: int, order: Sequence[int], tokens: Size) -> tuple[SentSegment, ...]:
    """The segments that `call` sends in a turn, under an order of its segments, which may leave
    some out."""
    segments = call.segments
    each = [index for index in order if segments[index].each_turn]
    if not each:
        return tuple(SentSegment(index, turn) for index in order)
    place = order.index(each[0])
    limit = call.history_limit or HistoryLimit(0, first=len(segments))
    anew = range(*limit.anew) if limit.anew else range(0)
    left = [segments[index] for index in each]
    opening = [
        SentSegment(index, 0 if _is_left_again(segments[index], left) else turn)
        for index in order[:place]
        if index not in anew
    ]
    always = tuple(sent for sent in opening if sent.index < limit.first)
    history = _messages([sent for sent in opening if sent.index >= limit.first], segments)
    before = _Turns(segments, each, [segments[index] for index in order[:place]])
    begun = tuple(SentSegment(index, turn) for index in order if index in anew)
    for earlier in range(turn):
        history += _messages(before.left_by(earlier), segments)
        if call.history_limit is not None:
            history = _kept(history, call.history_limit, begun, tokens)
    closing = tuple(SentSegment(index, turn) for index in order[place:] if index not in each)
    return (*always, *(sent for message in history for sent in message), *closing)


@dataclass(frozen=True)
class _Turns:
    segments: Sequence[Segment]
    each: Sequence[int]
    opening: Sequence[Segment]

    def left_by(self, turn: int) -> list[SentSegment]:
        """What a turn leaves: what the prompt begins with, too, belongs to the turn after it."""
        return [
            SentSegment(index, turn + _is_left_again(self.segments[index], self.opening))
            for index in self.each
        ]


def _is_left_again(segment: Segment, others: Sequence[Segment]) -> bool:
    """Whether the same place of the source stands among other segments."""
    return segment.line > 0 and any(_place(segment) == _place(other) for other in others)


def _place(segment: Segment) -> tuple[int, str, str]:
    return segment.line, segment.expression or segment.name, segment.text


def _messages(sent: Sequence[SentSegment], segments: Sequence[Segment]) -> list[Message]:
    """Neighbours of one role as one message; where roles are not known, each stands for one."""
    return [
        tuple(group)
        for _, group in groupby(
            sent, key=lambda item: segments[item.index].role or (item.index, item.turn)
        )
    ]


def _kept(
    history: list[Message], limit: HistoryLimit, begun: Message, tokens: Size
) -> list[Message]:
    size = limit.size or ASSUMED_WINDOW
    sizes = [tokens(message) if limit.unit == "tokens" else 1 for message in history]
    if limit.anew is not None:
        return [begun] if sum(sizes) > size else history
    left = size
    for number in range(len(history) - 1, -1, -1):
        left -= sizes[number]
        if left < 0:
            return history[number + 1 :]
    return history
