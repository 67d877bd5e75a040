"""Retention of a compiled agent's plan: each policy's ranges by node and planned segment, and why."""

from collections.abc import Mapping, Sequence

from charter_engine.analysis.agent_workload import PlacedRequest
from charter_engine.config.ranges import planned_spans
from charter_engine.config.retention.distribution import Gaps, from_waits, merged
from charter_engine.config.retention.fixed import never_below_its_tail, static_priority, steps_priority
from charter_engine.config.retention.model import GapModel
from charter_engine.config.retention.reuse import SegmentWaits, Waits, segment_waits
from charter_engine.config.retention.scale import DEFAULT, NEVER_AGAIN, Rule, Scale, scale
from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import NodePlan, Policy, Reason, SegmentRange
from charter_engine.dag.assembly import Piece

LEAST_LEARNT = 20
"""A node's measured waits replace those of the generated workload from this many requests on."""
OUTPUT = -1
ASSUMED_SLACK = 20
"""Where waits are assumed only their order is trusted: durations are this many times what they would be."""


def retain(
    policy: Policy, calls: Sequence[Call], placed: Sequence[PlacedRequest], model: GapModel | None = None
) -> dict[str, NodePlan]:
    """What a policy asks for, by node: only retention, decode retention and `why` of each node plan are set.

    `placed` is a workload generated from the agent, in order of time; it tells which segments are used again, by
    whom and, at the assumed pace, when. A `model` learnt from recordings replaces the assumed waits of its nodes.
    """
    if policy == "default" or not placed:
        return {}
    if policy == "next-use":
        return _next_use(segment_waits(placed), model)
    prompts = _longest_prompts(placed)
    if policy == "static":
        return {node: _static(prompts[node], calls) for node in prompts}
    waits = segment_waits(placed)
    return {node: _steps(waits[node]) for node in prompts}


def _static(placed: PlacedRequest, calls: Sequence[Call]) -> NodePlan:
    by_id = {call.id: call for call in calls}
    spans = planned_spans(placed.prompt, placed.spans)
    priorities = [
        static_priority(piece, place, end - start, by_id)
        for place, (piece, (start, end)) in enumerate(zip(_planned_pieces(placed), spans, strict=True))
    ]
    rules = [Rule(priority) for priority in never_below_its_tail(priorities)]
    return _node_plan(rules, DEFAULT, Reason("fixed points by the kind of segment", "assumed"))


def _steps(segments: Mapping[int, SegmentWaits]) -> NodePlan:
    steps = {place: _middle(waits.steps) for place, waits in segments.items()}
    known = sorted(place for place in steps if place >= 0)
    priorities = [
        steps_priority(steps[next(other for other in known if other >= place)])
        for place in range(known[-1] + 1 if known else 0)
    ]
    rules = [Rule(priority) for priority in never_below_its_tail(priorities)]
    output = Rule(steps_priority(steps[OUTPUT])) if OUTPUT in steps else DEFAULT
    return _node_plan(rules, output, Reason("requests until the segment is needed again", "predicted"))


def _next_use(waits: Waits, model: GapModel | None) -> dict[str, NodePlan]:
    gaps = {
        node: {place: _learnt(node, segment, model) or from_waits(segment.waits) for place, segment in segments.items()}
        for node, segments in waits.items()
    }
    parts = [part for segments in gaps.values() for part in segments.values()]
    measure = scale(merged(parts), parts)
    return {node: _next_use_node(segments, measure, node, model) for node, segments in gaps.items()}


def _next_use_node(segments: Mapping[int, Gaps], measure: Scale, node: str, model: GapModel | None) -> NodePlan:
    rules = [measure.rule(gaps) for gaps in _in_order(segments)]
    output = measure.rule(segments[OUTPUT]) if OUTPUT in segments else NEVER_AGAIN
    for place in range(len(rules) - 2, -1, -1):
        if rules[place].priority < rules[place + 1].priority:
            rules[place] = rules[place + 1]
    measured = model is not None and node in model.nodes and model.nodes[node].requests >= LEAST_LEARNT
    if not measured:
        rules, output = [_with_slack(rule) for rule in rules], _with_slack(output)
    waits = ", ".join(f"segment {place}: {_in_words(segments[place])}" for place in sorted(segments) if place >= 0)
    return _node_plan(rules, output, Reason(f"time of next use; {waits}", "measured" if measured else "assumed"))


def _with_slack(rule: Rule) -> Rule:
    return rule if rule.duration_ms is None else Rule(rule.priority, rule.duration_ms * ASSUMED_SLACK)


def _in_order(segments: Mapping[int, Gaps]) -> list[Gaps]:
    """The waits of each planned segment; one too short to be seen on its own shares those of what follows it."""
    known = sorted(place for place in segments if place >= 0)
    return [
        segments[next(other for other in known if other >= place)] for place in range(known[-1] + 1 if known else 0)
    ]


def _learnt(node: str, segment: SegmentWaits, model: GapModel | None) -> Gaps | None:
    """The measured waits of a segment that is used again; what is never used again is known from the graph."""
    used = sum(wait != float("inf") for wait in segment.waits)
    if model is None or node not in model.nodes or 2 * used < len(segment.waits):
        return None
    seen = model.nodes[node]
    if seen.requests < LEAST_LEARNT:
        return None
    gaps = seen.shared if 2 * segment.elsewhere > used else seen.own
    return gaps if gaps.total >= LEAST_LEARNT else None


def _node_plan(rules: Sequence[Rule], output: Rule, reason: Reason) -> NodePlan:
    ranges = []
    first = 0
    for place in range(1, len(rules) + 1):
        if place < len(rules) and rules[place] == rules[first]:
            continue
        last = place - 1 if place < len(rules) else None
        if rules[first] != DEFAULT:
            ranges.append(
                SegmentRange(
                    first=first, last=last, priority=rules[first].priority, duration_ms=rules[first].duration_ms
                )
            )
        first = place
    return NodePlan(
        retention=tuple(ranges),
        decode_priority=output.priority,
        decode_duration_ms=output.duration_ms,
        why={"retention": reason},
    )


def _longest_prompts(placed: Sequence[PlacedRequest]) -> dict[str, PlacedRequest]:
    """Each node's request with most planned segments."""
    longest: dict[str, PlacedRequest] = {}
    for request in placed:
        node = request.request.node
        if node not in longest or len(request.prompt) > len(longest[node].prompt):
            longest[node] = request
    return longest


def _planned_pieces(placed: PlacedRequest) -> list[Piece]:
    """The first piece of each planned segment, as `planned_spans` counts them."""
    pieces: list[Piece] = []
    for piece in placed.prompt:
        if not pieces or (pieces[-1].node, pieces[-1].source) != (piece.node, piece.source):
            pieces.append(piece)
    return pieces


def _middle(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2] if values else float("inf")


def _in_words(gaps: Gaps) -> str:
    if gaps.never_share > 0.5:
        return "not used again"
    return f"again after {gaps.median():.3g} s"
