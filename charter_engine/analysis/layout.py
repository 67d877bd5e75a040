"""Layouts that put what prompts share in front, and the candidates worth predicting.

A variable that stands before shared text hides that text from the cache. Three ways out, none of
which drops a segment: constant text first; what the calls of one run share (the document) right
behind the common head; or a conversation, in which each prompt continues the prompt and output of
the call before it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from charter_engine.contracts.graph import Call, Segment
from charter_engine.contracts.plan import NodePlan
from charter_engine.prompts.parts import is_label, movable_groups

Layouts = Mapping[str, NodePlan]
Content = tuple[str, str]


def candidate_layouts(calls: Sequence[Call]) -> dict[str, Layouts]:
    """The layouts to compare, by name. `source` is always among them; equal ones are given once."""
    shared = _shared_contents(calls)
    candidates: dict[str, Layouts] = {
        "source": {call.id: NodePlan() for call in calls},
        "constant text first": {call.id: _constant_first(call) for call in calls},
        "shared input first": {call.id: _shared_first(call, calls, shared) for call in calls},
        "conversation": {call.id: _conversation(call, calls, shared) for call in calls},
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


def _movable(call: Call) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
    """The groups of a prompt that may move, and the closing cue that may not."""
    groups = list(movable_groups(call.segments))
    if groups and len(groups[-1]) == 1 and call.segments[groups[-1][0]].kind == "static":
        return groups[:-1], groups[-1]
    return groups, ()


def _permuted(call: Call, groups: Sequence[tuple[int, ...]], cue: tuple[int, ...]) -> NodePlan:
    order = (*(index for group in groups for index in group), *cue)
    if order == tuple(range(len(call.segments))):
        return NodePlan()
    return NodePlan(layout="prefix-first", order=order)


def _is_movable(call: Call) -> bool:
    """Messages keep their order: a role boundary means more than a place in the text."""
    return len({segment.role for segment in call.segments}) <= 1


def _constant_first(call: Call) -> NodePlan:
    if not _is_movable(call):
        return NodePlan()
    groups, cue = _movable(call)
    return _permuted(call, sorted(groups, key=lambda group: not _constant(call, group)), cue)


def _constant(call: Call, group: tuple[int, ...]) -> bool:
    return all(call.segments[index].kind == "static" for index in group)


def _shared_first(call: Call, calls: Sequence[Call], shared: set[Content]) -> NodePlan:
    """Common constant text, then inputs that other calls of the run take too, then the rest as
    written."""
    if not _is_movable(call):
        return NodePlan()
    groups, cue = _movable(call)

    def rank(group: tuple[int, ...]) -> int:
        filling = call.segments[group[-1]]
        if content_of(filling) not in shared:
            return 2
        return 0 if filling.kind == "static" else 1

    ordered = sorted(groups, key=rank)
    wording = _common_labels(call, [group for group in ordered if rank(group) == 1], calls)
    if wording:
        plan = _permuted(call, ordered, cue)
        order = plan.order or tuple(range(len(call.segments)))
        return NodePlan(layout="prefix-first", order=order, wording=wording)
    return _permuted(call, ordered, cue)


def _common_labels(
    call: Call, groups: Sequence[tuple[int, ...]], calls: Sequence[Call]
) -> dict[int, str]:
    """Labels of shared inputs, worded as where the input occurs first; equal wording lets the
    prefixes meet."""
    wording = {}
    for group in groups:
        if len(group) == 2:
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


def _conversation(call: Call, calls: Sequence[Call], shared: set[Content]) -> NodePlan:
    """Continue the upstream call that already holds most of this prompt; else as
    `_shared_first`."""
    upstream = _continued(call, calls)
    if upstream is None:
        return _shared_first(call, calls, shared)
    said = _already_said(upstream, calls)
    appended = [
        index
        for group in movable_groups(call.segments)
        if content_of(call.segments[group[-1]]) not in said
        for index in group
    ]
    return NodePlan(layout="append-only", extends=upstream.id, order=tuple(appended))


def _continued(call: Call, calls: Sequence[Call]) -> Call | None:
    """The last call before this one, in the same pass, whose output this prompt takes and whose
    prompt it repeats."""
    by_id = {other.id: other for other in calls}
    own = {content_of(segment) for segment in call.segments}
    best: Call | None = None
    for dependency in call.depends_on:
        upstream = by_id.get(dependency.call)
        if (
            upstream is None
            or dependency.carried != "data"
            or upstream.loop != call.loop
            or upstream.id == call.id
        ):
            continue
        if own & {content_of(segment) for segment in upstream.segments} and not _comes_later(
            upstream, call, calls
        ):
            best = upstream
    return best


def _comes_later(upstream: Call, call: Call, calls: Sequence[Call]) -> bool:
    """Whether `upstream` stands behind `call` in the source: the order of a run follows the
    source."""
    ids = [other.id for other in calls]
    return ids.index(upstream.id) >= ids.index(call.id)


def _already_said(call: Call, calls: Sequence[Call]) -> set[Content]:
    """All that a conversation holds once `call` has answered."""
    said = {("upstream", f"{call.id}/data")}
    seen: set[str] = set()
    current: Call | None = call
    while current is not None and current.id not in seen:
        seen.add(current.id)
        said |= {content_of(segment) for segment in current.segments}
        said.add(("upstream", f"{current.id}/data"))
        current = _continued(current, calls)
    return said
