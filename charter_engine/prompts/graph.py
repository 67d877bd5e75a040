"""Calls → graph: data edges in an order that always exists, loop-carried edges beside it."""

from collections.abc import Iterable, Sequence

import msgspec

from charter_engine.contracts.graph import Call, Dependency


def settled(calls: Sequence[Call]) -> tuple[Call, ...]:
    """The calls with their data edges free of circles.

    Branches can make two calls each feed the other at different times. The edge that points back in
    source order then reaches its call in a later turn, so that it becomes loop-carried.
    """
    position = {call.id: number for number, call in enumerate(calls)}
    edges = [
        (edge.call, call.id)
        for call in calls
        for edge in call.depends_on
        if edge.carried == "data" and edge.call in position
    ]
    forward = [edge for edge in edges if position[edge[0]] < position[edge[1]]]
    backward = [edge for edge in edges if position[edge[0]] >= position[edge[1]]]
    if not backward:
        return tuple(calls)
    closing = closing_edges(forward, backward)
    return tuple(without_closing(call, closing) for call in calls) if closing else tuple(calls)


def closing_edges(
    forward: Iterable[tuple[str, str]], backward: Iterable[tuple[str, str]]
) -> set[tuple[str, str]]:
    """Those of the backward edges that close a circle, taking each that does not into the graph."""
    # Most agents have no backward edge, and networkx takes a tenth of a second to import.
    import networkx

    graph = networkx.DiGraph(forward)
    closing = set()
    for source, target in backward:
        graph.add_nodes_from((source, target))
        if networkx.has_path(graph, target, source):
            closing.add((source, target))
        else:
            graph.add_edge(source, target)
    return closing


def without_closing(call: Call, closing: set[tuple[str, str]]) -> Call:
    kept: dict[tuple[str, str], Dependency] = {}
    for edge in call.depends_on:
        turned = (
            Dependency(edge.call, "loop", edge.how) if (edge.call, call.id) in closing else edge
        )
        kept.setdefault((turned.call, turned.carried), turned)
    if tuple(kept.values()) == call.depends_on:
        return call
    segments = tuple(
        msgspec.structs.replace(segment, carried="loop")
        if segment.call is not None
        and segment.carried == "data"
        and (segment.call, call.id) in closing
        else segment
        for segment in call.segments
    )
    return msgspec.structs.replace(call, depends_on=tuple(kept.values()), segments=segments)


def successors(calls: Sequence[Call]) -> dict[str, tuple[str, ...]]:
    """By each call's id, the other calls that its output reaches along data edges."""
    following: dict[str, dict[str, None]] = {call.id: {} for call in calls}
    for call in calls:
        for edge in call.depends_on:
            if edge.carried == "data" and edge.call in following and edge.call != call.id:
                following[edge.call][call.id] = None
    return {source: tuple(targets) for source, targets in following.items()}
