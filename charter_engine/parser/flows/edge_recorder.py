"""Edges between calls as they are recorded: which outputs reach a call, in the same turn or a later
one, and what they fill there."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

from charter_engine.contracts.graph import Carried
from charter_engine.parser.branches.exclusive_classes import ExclusiveClasses
from charter_engine.parser.branches.whole_run_ways import WholeRunWays
from charter_engine.parser.flows.edges import (
    EARLIER_RUN,
    best_flow,
    edge_between,
    is_of_round,
    loops_since,
)
from charter_engine.parser.flows.routines import was_taken_out
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.findings import Site
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition
from charter_engine.parser.values.origins import Chain, Origin
from charter_engine.parser.values.pieces import holes_of
from charter_engine.parser.values.values import Value

if TYPE_CHECKING:
    from charter_engine.parser.state import Analysis


Edge = tuple[int, int, Carried]
"""From one site to another."""

Edges = dict[Chain, Edge | None]
"""What each output amounts to as an edge to the call that is recorded."""


NO_ROUTINES: frozenset[FunctionDefinition] = frozenset()


class EdgeRecorder:
    """Records the edges between calls."""

    def __init__(self, analysis: Analysis) -> None:
        self.program = analysis.program
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.classes = ExclusiveClasses(analysis.program)
        self.ways = WholeRunWays()

    def chain_to(self, frame: Frame, site: Site) -> Chain:
        return (*frame.chain, (site.number, loops_since(frame, frame.chain, self.progress.round)))

    def record(self, frame: Frame, chain: Chain, origins: frozenset[Origin], known: Edges) -> None:
        """Add an edge for every output among `origins`; `known` keeps what each amounted to.

        One that comes by other ways than a graph's state alone is not judged by the graph.
        """
        for origin in by_other_ways_first(origins):
            if origin.chain[0][0] < 0:
                continue
            if origin.chain not in known:
                known[origin.chain] = self.edge_from(frame, origin, chain)
            edge = known[origin.chain]
            if edge is not None:
                source, target, carried = edge
                if target in self.findings.sites[source].via:
                    source, carried = target, "loop"
                edges = self.findings.sites[target].edges
                edges[source, carried] = best_flow(edges.get((source, carried)), origin.how)

    def edges_to(self, frame: Frame, chain: Chain, value: Value) -> Edges:
        """What each output in a value would amount to as an edge."""
        made = [origin for origin in value.all_origins() if origin.chain[0][0] >= 0]
        return {
            origin.chain: self.edge_from(frame, origin, chain)
            for origin in reversed(by_other_ways_first(made))
        }

    def edge_from(self, frame: Frame, origin: Origin, chain: Chain) -> Edge | None:
        if frame.elsewhere and self.findings.outputs.is_elsewhere(origin.chain, frame.elsewhere):
            return None
        edge = self.possible(edge_between(origin.chain, chain, self.apart))
        if edge is not None and edge[2] == "data" and origin.how != "state":
            return edge if self.is_in_turn(origin, *edge[:2]) else (edge[0], edge[1], "loop")
        if edge is None or edge[2] == "data":
            return edge
        source, target = self.node_of(edge[0]), self.node_of(edge[1])
        if source is not None and target is not None:
            return self.in_flow(edge, source, target)
        if target is not None and origin.how == "state":
            return edge[0], edge[1], "data"
        is_in_run = origin.how == "state" and not is_of_round(origin, EARLIER_RUN)
        return self.in_graph(edge) if is_in_run else edge

    def possible(self, edge: Edge | None) -> Edge | None:
        """An edge, unless it joins classes, or ways, of which a run of the program takes one
        alone."""
        if edge is None or edge[0] == edge[1]:
            return edge
        source, target = (self.findings.sites[number] for number in edge[:2])
        is_apart = self.classes.exclude(source.function, target.function)
        return None if is_apart or self.ways.exclude(source, target) else edge

    def is_in_turn(self, origin: Origin, source: int, target: int) -> bool:
        """Whether an output that is there when a call is made is of the same turn. What one routine
        leaves for another is there in a later one, unless that takes it out of a queue; so is what
        comes back to a routine that it has left by one. A routine goes on, whatever its caller
        asked before it started that."""
        is_earlier = self.findings.outputs.is_earlier(origin.chain)
        around = self.routines_of(target) if self.program.routines else NO_ROUTINES
        if not around:
            return not is_earlier
        made_in = self.routines_of(source)
        if around & made_in:
            return not is_earlier and not was_taken_out(origin.chain)
        return not made_in or any(source in self.findings.taken.get(one, ()) for one in around)

    def routines_of(self, number: int) -> AbstractSet[FunctionDefinition]:
        """The routines that lead to a site."""
        return self.findings.sites[number].under & self.program.routines.keys()

    def apart(self, source: int, target: int) -> bool:
        """Whether one of two sites is inside a wrapper and the other is not under it: what a
        wrapper is given belongs to the calls of the wrapper."""
        if self.is_internal(source) == self.is_internal(target):
            return False
        inside, other = (source, target) if self.is_internal(source) else (target, source)
        return self.findings.sites[inside].function not in self.findings.sites[other].under

    def in_graph(self, edge: Edge) -> Edge | None:
        """An edge to a later turn that a graph's state carries: only within a cycle of the graph,
        and only to what the source leads to. Where a function stands in the graph that isn't known
        to be in it, nobody can tell."""
        source, target, _ = edge
        if self.program.graph is None:
            is_begun = self.is_handled(target) and not self.is_handled(source)
            return (source, target, "data") if is_begun else edge
        pairs = [
            (first, second)
            for first in self.findings.sites[source].starts
            for second in self.findings.sites[target].starts
        ]
        if not any(self.program.graph.nodes_of(first) for first, _ in pairs):
            return source, target, "loop" if source == target else "data"
        groups = self.program.cycles
        if any(first in group and second in group for first, second in pairs for group in groups):
            return edge
        is_ahead = any(second in self.program.leads.get(first, ()) for first, second in pairs)
        return (source, target, "data") if is_ahead else None

    def is_handled(self, number: int) -> bool:
        """Whether a site stands in a step of a workflow."""
        return any(map(self.program.stands_between, self.findings.sites[number].under))

    def in_flow(self, edge: Edge, source: ClassDefinition, target: ClassDefinition) -> Edge | None:
        """An edge that the store of a flow carries: to a later turn only where the flow leads
        round."""
        flows = self.program.flows
        if source is target and edge[0] == edge[1]:
            return edge if flows.goes_round(source) else None
        if target not in flows.led_to(source):
            return None
        is_back = source in flows.led_to(target)
        return edge if is_back else (edge[0], edge[1], "data")

    def node_of(self, number: int) -> ClassDefinition | None:
        """The node of a flow that a site belongs to."""
        if not self.program.flows.bases:
            return None
        owners = {item.owner for item in self.findings.sites[number].under}
        return next((one for one in self.program.flows.bases if one in owners), None)

    def is_internal(self, number: int) -> bool:
        """Whether a site is inside a wrapper, or a lambda of one, that the sources call: the calls
        stand for it."""
        function = self.findings.sites[number].function
        while (
            function is not None
            and function not in self.findings.wrappers
            and isinstance(function.node, ast.Lambda)
        ):
            function = function.outer
        return function in self.findings.wrappers and (
            self.progress.round == 0 or function in self.findings.called_wrappers
        )


def by_other_ways_first(origins: Iterable[Origin]) -> list[Origin]:
    """Outputs, those last that come by a graph's state: an output that comes both ways is judged by
    the other."""
    return sorted(origins, key=lambda origin: origin.how == "state")


def record_fillings(site: Site, value: Value, edges: Edges) -> None:
    """Keep which outputs fill the holes of a prompt."""
    for piece in holes_of(value):
        for origin in piece.value.all_origins():
            edge = edges.get(origin.chain)
            if edge is not None and edge[1] == site.number:
                site.fillings.setdefault(piece.key, {})[origin.chain] = edge[0], edge[2]
