"""Layouts that put what prompts share in front, and the candidates worth predicting.

A variable that stands before shared text hides that text from the cache. Three ways out, none of
which drops a segment: constant text first; what the calls of one run share (the document) right
behind the common head; or a conversation, in which each prompt continues the prompt and output of
the call before it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from charter_engine.contracts.graph import Call, Segment
from charter_engine.contracts.plan import NodePlan
from charter_engine.prompts.histories import grows
from charter_engine.prompts.parts import is_constant, is_label, messages, movable_groups

Layouts = Mapping[str, NodePlan]
Content = tuple[str, str]
Group = tuple[int, ...]
"""Segments that move together, by their indices."""


def candidate_layouts(calls: Sequence[Call]) -> dict[str, Layouts]:
    """The layouts to compare, by name. `source` is always among them; equal ones are given once."""
    shared = _shared_contents(calls)
    upstreams = _Upstreams(calls)
    candidates: dict[str, Layouts] = {
        "source": {call.id: NodePlan() for call in calls},
        "constant text first": {call.id: _constant_first(call) for call in calls},
        "shared input first": {call.id: _shared_first(call, calls, shared) for call in calls},
        "conversation": {call.id: _conversation(call, calls, shared, upstreams) for call in calls},
    }
    unique: dict[str, Layouts] = {}
    for name, layouts in candidates.items():
        if layouts not in unique.values():
            unique[name] = layouts
    return unique


def content_of(segment: Segment) -> Content:
    """What a segment stands for, so that equal ones in different prompts are recognised."""
    if segment.kind == "static":
        return ("static", segment.text)
    if segment.kind == "upstream":
        return ("upstream", f"{segment.call}/{segment.carried}")
    return (segment.kind, segment.expression or segment.name or f"line {segment.line}")


def _shared_contents(calls: Sequence[Call]) -> set[Content]:
    """Contents that stand in the prompts of at least two calls."""
    counts = Counter(
        content for call in calls for content in {content_of(segment) for segment in call.segments}
    )
    return {content for content, count in counts.items() if count > 1 and content[0] != "unknown"}


@dataclass(frozen=True)
class _Message:
    """A chat message, or a prompt that is one text: the groups that may move within it, and the
    closing cue that may not."""

    groups: tuple[Group, ...]
    cue: Group = ()


def _messages(call: Call) -> list[_Message]:
    """The messages of a prompt in order. What the turns of a history leave stays as it is, and so
    does the last text of all."""
    found: list[_Message] = []
    for indices in messages(call.segments):
        groups = movable_groups(call.segments, indices)
        if call.segments[indices[0]].each_turn:
            found.append(_Message((), tuple(indices)))
        elif _closes(call, indices) and _constant(call, groups[-1]):
            found.append(_Message(groups[:-1], groups[-1]))
        else:
            found.append(_Message(groups))
    return found


def _closes(call: Call, message: Sequence[int]) -> bool:
    """Whether a message is the last of a prompt, and asks for the answer."""
    last = len(call.segments) - 1
    return message[-1] == last and call.segments[last].role != "system"


def _permuted(call: Call, laid_out: Sequence[_Message]) -> NodePlan:
    order = tuple(
        index for message in laid_out for group in (*message.groups, message.cue) for index in group
    )
    if order == tuple(range(len(call.segments))):
        return NodePlan()
    return NodePlan(layout="prefix-first", order=order, wording=_separated(call, order))


def _separated(call: Call, order: Sequence[int]) -> dict[int, str]:
    """Constant texts with a blank line before them where what they follow, in their message, is
    another than in the source and no line ends between."""
    segments = call.segments
    wording: dict[int, str] = {}
    for before, after in pairwise(order):
        first, second = segments[before], segments[after]
        if after == before + 1 or first.role != second.role:
            continue
        if first.text.endswith("\n") or second.text.startswith("\n"):
            continue
        if second.kind == "static":
            wording[after] = "\n\n" + second.text
        elif first.kind == "static":
            wording[before] = wording.get(before, first.text) + "\n\n"
    return wording


def _constant_first(call: Call) -> NodePlan:
    laid_out = [
        replace(
            message,
            groups=tuple(sorted(message.groups, key=lambda group: not _constant(call, group))),
        )
        for message in _messages(call)
    ]
    return _permuted(call, _with_system_texts_together(call, laid_out))


def _with_system_texts_together(call: Call, laid_out: list[_Message]) -> list[_Message]:
    """Constant texts of later system messages at the head of the first one's: system messages may
    stand anywhere, and mean the same in front."""
    system = [number for number, message in enumerate(laid_out) if _role(call, message) == "system"]
    for number in system[1:]:
        first, later = laid_out[system[0]], laid_out[number]
        moved = [group for group in later.groups if _constant(call, group)]
        kept = [group for group in later.groups if not _constant(call, group)]
        constant = [group for group in first.groups if _constant(call, group)]
        varying = [group for group in first.groups if not _constant(call, group)]
        if varying or number > system[0] + 1:
            laid_out[system[0]] = replace(first, groups=(*constant, *moved, *varying))
            laid_out[number] = replace(later, groups=tuple(kept))
    return laid_out


def _role(call: Call, message: _Message) -> str | None:
    indices = [index for group in (*message.groups, message.cue) for index in group]
    return call.segments[indices[0]].role if indices else None


def _constant(call: Call, group: Group) -> bool:
    return all(is_constant(call.segments[index]) for index in group)


def _shared_first(call: Call, calls: Sequence[Call], shared: set[Content]) -> NodePlan:
    """Common constant text, then inputs that other calls of the run take too, then the rest as
    written; in each message."""

    def rank(group: Group) -> int:
        filling = _filling(call, group)
        if content_of(filling) not in shared:
            return 2
        return 0 if filling.kind == "static" else 1

    laid_out = [
        replace(message, groups=tuple(sorted(message.groups, key=rank)))
        for message in _messages(call)
    ]
    inputs = [group for message in laid_out for group in message.groups if rank(group) == 1]
    wording = _common_labels(call, inputs, calls)
    plan = _permuted(call, laid_out)
    if not wording:
        return plan
    order = plan.order or tuple(range(len(call.segments)))
    return NodePlan(layout="prefix-first", order=order, wording=plan.wording | wording)


def _filling(call: Call, group: Group) -> Segment:
    """What a group stands for: what fills it, or its text."""
    filled = [call.segments[index] for index in group if call.segments[index].kind != "static"]
    return filled[-1] if filled else call.segments[group[-1]]


def _common_labels(call: Call, groups: Sequence[Group], calls: Sequence[Call]) -> dict[int, str]:
    """Labels of shared inputs, worded as where the input occurs first; equal wording lets the
    prefixes meet."""
    wording = {}
    for group in groups:
        if len(group) == 2 and is_label(call.segments, group[0]):
            first = _first_label(content_of(call.segments[group[1]]), calls)
            if first is not None and first != call.segments[group[0]].text:
                wording[group[0]] = first
    return wording


def _first_label(content: Content, calls: Sequence[Call]) -> str | None:
    for call in calls:
        for index in range(len(call.segments) - 1):
            if is_label(call.segments, index) and content_of(call.segments[index + 1]) == content:
                return call.segments[index].text
    return None


def _conversation(
    call: Call, calls: Sequence[Call], shared: set[Content], upstreams: "_Upstreams"
) -> NodePlan:
    """Continue the upstream call that already holds most of this prompt; else as
    `_shared_first`."""
    upstream = None if grows(call) else upstreams.continued_by(call)
    if upstream is None:
        return _shared_first(call, calls, shared)
    said = upstreams.said_after(upstream)
    appended = [
        index
        for message in messages(call.segments)
        for group in movable_groups(call.segments, message)
        if content_of(_filling(call, group)) not in said
        for index in group
    ]
    return NodePlan(layout="append-only", extends=upstream.id, order=tuple(appended))


class _Upstreams:
    """Which call each call of an agent continues, looked for once."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._by_id = {call.id: call for call in calls}
        self._places = {call.id: place for place, call in enumerate(calls)}
        self._contents = {
            call.id: frozenset(content_of(segment) for segment in call.segments) for call in calls
        }
        self._continued: dict[str, Call | None] = {}

    def continued_by(self, call: Call) -> Call | None:
        """The last call before this one, in the same pass, whose output this prompt takes and
        whose prompt it repeats."""
        if call.id not in self._continued:
            sources = [each.call for each in call.depends_on if each.carried == "data"]
            found = [self._by_id[source] for source in sources if source in self._by_id]
            fitting = [upstream for upstream in found if self._is_continued(upstream, call)]
            self._continued[call.id] = fitting[-1] if fitting else None
        return self._continued[call.id]

    def _is_continued(self, upstream: Call, call: Call) -> bool:
        """The order of a run follows the source."""
        return (
            upstream.loop == call.loop
            and self._places[upstream.id] < self._places[call.id]
            and offers_alike(upstream, call)
            and not self._contents[call.id].isdisjoint(self._contents[upstream.id])
        )

    def said_after(self, call: Call) -> set[Content]:
        """All that a conversation holds once `call` has answered."""
        said: set[Content] = set()
        current: Call | None = call
        while current is not None:
            said |= self._contents[current.id]
            said.add(("upstream", f"{current.id}/data"))
            current = self.continued_by(current)
        return said


def offers_alike(one: Call, other: Call) -> bool:
    """Whether two requests offer the model the same, so that their prompts can begin alike."""
    return [content_of(part) for part in one.head] == [content_of(part) for part in other.head]
