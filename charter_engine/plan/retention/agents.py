"""Retention of a compiled agent's plan: each policy's ranges by node and planned segment, and
why."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from charter_engine.analysis.agent_workload import PlacedRequest
from charter_engine.bls.retention import DEFAULT, NEVER_AGAIN, Rule, SegmentRange
from charter_engine.contracts.figures import Label
from charter_engine.contracts.graph import Call
from charter_engine.contracts.plan import NodePlan, Policy, Reason
from charter_engine.contracts.reuse_times import EdgeReuseTime, ReuseKind
from charter_engine.plan.ranges import planned_spans
from charter_engine.plan.retention.distribution import ReuseTimes, from_times, merged
from charter_engine.plan.retention.fixed import (
    never_below_its_tail,
    static_priority,
    steps_priority,
)
from charter_engine.plan.retention.kinds import in_figures, kind_of
from charter_engine.plan.retention.model import ReuseTimeModel
from charter_engine.plan.retention.reuse import ReuseBySegment, SegmentReuse, segment_reuse
from charter_engine.plan.retention.scale import Scale, scale
from charter_engine.prompts.assembly import Piece

LEAST_LEARNT = 20
"""Measured reuse times replace those of the generated workload from this many on."""
POOR_SPREAD = 2.0
"""Measured reuse times that spread further are no estimate.

Acting on one that is off by a factor of e² did worse than LRU.
"""
OUTPUT = -1
"""Derived: no segment has an index below nought."""
ASSUMED_SLACK = 20
"""Where reuse times are assumed only their order is trusted.

Durations are this many times what they would be.
"""


def retain(
    policy: Policy,
    calls: Sequence[Call],
    placed: Sequence[PlacedRequest],
    model: ReuseTimeModel | None = None,
) -> dict[str, NodePlan]:
    """What a policy asks for, by node: only retention, decode retention and `why` of each node plan
    are set.

    `placed` is a workload generated from the agent, in order of time.
    It tells which segments are used again, by whom and, at the assumed pace, when.
    A `model` learnt from recordings replaces the assumed reuse times of its nodes.
    """
    if policy == "default" or not placed:
        return {}
    if policy == "next-use":
        return _next_use(segment_reuse(placed), Known(calls, model))
    prompts = _longest_prompts(placed)
    if policy == "static":
        return {node: _static(prompts[node], calls) for node in prompts}
    segments = segment_reuse(placed)
    return {node: _steps(segments[node]) for node in prompts}


def _static(placed: PlacedRequest, calls: Sequence[Call]) -> NodePlan:
    by_id = {call.id: call for call in calls}
    spans = planned_spans(placed.prompt, placed.spans)
    priorities = [
        static_priority(piece, place, end - start, by_id)
        for place, (piece, (start, end)) in enumerate(
            zip(_planned_pieces(placed), spans, strict=True)
        )
    ]
    rules = [Rule(priority) for priority in never_below_its_tail(priorities)]
    return _node_plan(rules, DEFAULT, Reason("fixed points by the kind of segment", "assumed"))


def _steps(segments: Mapping[int, SegmentReuse]) -> NodePlan:
    steps = {place: _middle(segment.steps) for place, segment in segments.items()}
    known = sorted(place for place in steps if place >= 0)
    priorities = [
        steps_priority(steps[next(other for other in known if other >= place)])
        for place in range(known[-1] + 1 if known else 0)
    ]
    rules = [Rule(priority) for priority in never_below_its_tail(priorities)]
    output = Rule(steps_priority(steps[OUTPUT])) if OUTPUT in steps else DEFAULT
    return _node_plan(
        rules, output, Reason("requests until the segment is needed again", "predicted")
    )


@dataclass(frozen=True)
class Known:
    """What is known of reuse times besides the generated workload: the graph, and what was
    learnt."""

    calls: Sequence[Call]
    model: ReuseTimeModel | None = None

    def kind(self, node: str, segment: SegmentReuse) -> ReuseKind:
        """What lies between a request of the node and the next use of the segment."""
        by_id = {call.id: call for call in self.calls}
        target = self.target(segment)
        if not target or node not in by_id or target not in by_id:
            return "other session"
        return kind_of(by_id[node], by_id[target])

    def target(self, segment: SegmentReuse) -> str:
        """The call of the same run that mostly uses the segment next; empty if that is another
        run."""
        return (
            ""
            if 2 * segment.elsewhere > segment.used or not segment.users
            else segment.users.most_common(1)[0][0]
        )

    def learnt(self, node: str, segment: SegmentReuse) -> ReuseTimes | None:
        """The measured reuse times of a segment that is used again.

        They are those of the edge, or of its kind among all that was recorded.
        What is never used again is known from the graph.
        """
        if self.model is None or 2 * segment.used < len(segment.reuse_times):
            return None
        for times in self._candidates(self.model, node, segment):
            if times.total >= LEAST_LEARNT:
                return times
        return None

    def _candidates(
        self, model: ReuseTimeModel, node: str, segment: SegmentReuse
    ) -> Iterator[ReuseTimes]:
        target = self.target(segment)
        if target:
            yield from (
                edge.times for edge in model.edges if (edge.source, edge.target) == (node, target)
            )
        elif node in model.nodes:
            yield model.nodes[node].shared
        kind = self.kind(node, segment)
        if kind in model.kinds:
            yield model.kinds[kind]


def edge_reuse_times(
    calls: Sequence[Call], placed: Sequence[PlacedRequest], model: ReuseTimeModel | None = None
) -> tuple[EdgeReuseTime, ...]:
    """The reuse times a plan rests on, by edge: *measured* where they were learnt, else
    *assumed*."""
    known = Known(calls, model)
    found: dict[tuple[str, str, ReuseKind], tuple[ReuseTimes, Label]] = {}
    for node, segments in segment_reuse(placed).items():
        for segment in segments.values():
            if not segment.used:
                continue
            learnt = known.learnt(node, segment)
            times = learnt or from_times(
                [reuse_time for reuse_time in segment.reuse_times if reuse_time != float("inf")]
            )
            edge = (node, known.target(segment), known.kind(node, segment))
            if edge not in found or times.total > found[edge][0].total:
                found[edge] = (times, "measured" if learnt else "assumed")
    return tuple(
        EdgeReuseTime(source=source, target=target, kind=kind, reuse_time=in_figures(times, label))
        for (source, target, kind), (times, label) in found.items()
    )


def _next_use(found: ReuseBySegment, known: Known) -> dict[str, NodePlan]:
    learnt = {
        node: {place: known.learnt(node, segment) for place, segment in segments.items()}
        for node, segments in found.items()
    }
    times = {
        node: {
            place: learnt[node][place] or from_times(segment.reuse_times)
            for place, segment in segments.items()
        }
        for node, segments in found.items()
    }
    parts = [part for segments in times.values() for part in segments.values()]
    measure = scale(merged(parts), parts)
    return {
        node: _next_use_node(segments, learnt[node], measure) for node, segments in times.items()
    }


def _next_use_node(
    segments: Mapping[int, ReuseTimes], learnt: Mapping[int, ReuseTimes | None], measure: Scale
) -> NodePlan:
    """A node's rules from the reuse times of its segments.

    Those of `learnt` are measured, the others assumed.
    """
    measured = [times for times in learnt.values() if times is not None]
    poorest = max((times.spread() for times in measured), default=0.0)
    if poorest > POOR_SPREAD:
        words = (
            f"default priorities: its reuse times spread by a factor of {math.exp(poorest):.0f},"
            " too far to act on"
        )
        return _node_plan((), DEFAULT, Reason(words, "measured"))
    asked = {
        place: measure.rule(times)
        if learnt[place] is not None
        else _with_slack(measure.rule(times))
        for place, times in segments.items()
    }
    rules = _in_order(asked)
    for place in range(len(rules) - 2, -1, -1):
        if rules[place].priority < rules[place + 1].priority:
            rules[place] = rules[place + 1]
    reuse_times = ", ".join(
        f"segment {place}: {_in_words(segments[place])}"
        f"{' (assumed)' if measured and learnt[place] is None else ''}"
        for place in sorted(segments)
        if place >= 0
    )
    error = f"; error: a factor of {math.exp(poorest):.1f}" if measured else ""
    reason = Reason(
        f"time of next use; {reuse_times}{error}", "measured" if measured else "assumed"
    )
    return _node_plan(rules, asked.get(OUTPUT, NEVER_AGAIN), reason)


def _with_slack(rule: Rule) -> Rule:
    return (
        rule if rule.duration_ms is None else Rule(rule.priority, rule.duration_ms * ASSUMED_SLACK)
    )


def _in_order(asked: Mapping[int, Rule]) -> list[Rule]:
    """The rule of each planned segment; one too short to be seen on its own shares that of what
    follows it."""
    known = sorted(place for place in asked if place >= 0)
    return [
        asked[next(other for other in known if other >= place)]
        for place in range(known[-1] + 1 if known else 0)
    ]


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
                    first=first,
                    last=last,
                    priority=rules[first].priority,
                    duration_ms=rules[first].duration_ms,
                )
            )
        first = place
    return NodePlan(
        retention=tuple(ranges),
        decode_priority=output.priority,
        decode_duration_ms=output.duration_ms,
        why=dict.fromkeys(("retention", "decode_priority", "decode_duration_ms"), reason),
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


def _in_words(times: ReuseTimes) -> str:
    if times.never_share > 0.5:
        return "not used again"
    return f"again after {times.median():.3g} s"
