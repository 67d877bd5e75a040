"""What repeats a call: loops around it and its callers, cycles of graphs, and what runs it beside
others."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from msgspec.structs import replace

from charter_engine.contracts.graph import Loop
from charter_engine.parser.flows.fanout import BATCHES
from charter_engine.parser.flows.left_loops import loops_around
from charter_engine.parser.graphs.inner_graphs import builder_run
from charter_engine.parser.graphs.routed_forks import is_shut_out
from charter_engine.parser.interpreting.frames import Frame, LoopState, outermost
from charter_engine.parser.interpreting.recursions import recursion_of
from charter_engine.parser.model_calls.findings import Site
from charter_engine.parser.prompts.varying import gives_same
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.source.syntax import last_name

if TYPE_CHECKING:
    from charter_engine.parser.state import Analysis


class Repetition:
    """Tells how calls are repeated, and how they run beside others."""

    def __init__(self, analysis: Analysis) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.progress = analysis.progress

    def fanout_at(self, frame: Frame, node: ast.Call) -> str | None:
        """How a call runs beside others."""
        if last_name(node.func) in BATCHES:
            return "batch"
        function = outermost(frame).function
        if function is not None and self.program.flows.is_parallel(function):
            return "gather"
        start = self.progress.start
        sent = self.memory.beside.get(start) or ("send" if start in self.program.spread else None)
        known = self.program.forked.get(start, ())
        own = frame.function if frame.caller is None else None
        is_forked = not all(is_shut_out(own, node, one) for one in known)
        beside = sent or ("fork" if is_forked else None)
        return frame.fanout or frame.spread or (None if frame.chain else beside)

    def note(self, frame: Frame, site: Site) -> None:
        """Keep what repeats a call beside the loop around it."""
        function = outermost(frame).function
        if function is not None and function.owner in self.program.flows.bases:
            self.note_turns(function, site)
        for group in self.program.cycles:
            names = {self.progress.start, *((function.qualname,) if function is not None else ())}
            name = next(iter(sorted(names & group)), None)
            if name is not None and not any(loop.kind == "cycle" for loop in site.repeated_by):
                line = self.program.line_of(name)
                site.repeated_by.append(Loop(kind="cycle", line=line))
        is_told = any(loop.kind == "cycle" for loop in site.repeated_by)
        if not is_told and (turning := self.turning_around(frame)) is not None:
            site.repeated_by.append(turning)
        recursion = recursion_of(frame, self.memory.recursions)
        is_new = recursion is not None and recursion not in site.repeated_by
        if recursion is not None and is_new and self.findings.are_judged:
            site.repeated_by.append(recursion)
        site.repeated_by += [loop for loop in self.run_in() if loop not in site.repeated_by]
        around = loop_of_a_caller(frame, site)
        if around is not None and around not in site.repeated_by:
            site.repeated_by.append(around)

    def turning_around(self, frame: Frame | None) -> Loop | None:
        """The handler nearest to a call that messages come back to, as the framework's own loop."""
        while frame is not None and frame.function not in self.findings.turning:
            frame = frame.caller
        if frame is None or frame.function is None:
            return None
        return Loop(kind="cycle", line=frame.function.node.lineno)

    def note_graph_run(self, frame: Frame, node: ast.Call) -> None:
        """Keep in which loop a state graph is run, which repeats its nodes."""
        turning = [loop.record for loop in frame.all_loops() if not loop.retries]
        graph = self.program.graph
        run = builder_run(graph, frame.module, node) if graph is not None else ""
        loops = self.findings.graph_loops.setdefault(run, [])
        if turning and turning[-1] not in loops:
            loops.append(turning[-1])

    def run_in(self) -> list[Loop]:
        """The loops in which the graph is run that the function is of which an analysis started;
        those of graphs that aren't told apart are any's."""
        graph = self.program.graph
        if graph is None or not graph.nodes_of(self.progress.start):
            return []
        told = graph.builders.keys
        return [
            replace(loop, kind="caller")
            for run, loops in self.findings.graph_loops.items()
            if run not in told or self.progress.start in graph.inside_of([run])
            for loop in loops
        ]

    def note_turns(self, method: FunctionDefinition, site: Site) -> None:
        """Keep how a node of a flow is repeated: by the flow, or for each member of a list."""
        owner = method.owner
        assert owner is not None
        flows = self.program.flows
        found: list[Loop] = []
        if flows.goes_round(owner):
            found.append(Loop(kind="cycle", line=owner.node.lineno))
        if flows.is_batch(method):
            target = method.parameters[1] if len(method.parameters) > 1 else ""
            found.append(Loop(kind="caller", line=owner.node.lineno, target=target))
        site.repeated_by += [loop for loop in found if loop not in site.repeated_by]


def loop_of_a_caller(frame: Frame, site: Site) -> Loop | None:
    """The loop in which the nearest caller that has one calls what leads to a call; a graph's is
    told otherwise, and one that only tries again is none, nor one that calls another function for
    each of its members."""
    inner, caller = frame, frame.caller
    while caller is not None:
        loops = loops_around(caller, inner.call) if inner.call is not None else caller.loops
        turning = [loop for loop in loops if comes_round(loop, site)]
        record = turning[-1].record if turning else None
        if record is not None and record.kind != "cycle" and not only_tries(caller, inner.call):
            return Loop(
                kind="caller", line=record.line, target=record.target, iterable=record.iterable
            )
        inner, caller = caller, caller.caller
    return None


def comes_round(loop: LoopState, site: Site) -> bool:
    """Whether a loop leads to a call in more turns than one, where its turns are told apart."""
    return loop.apart is None or site.turns.setdefault(loop.number, loop.apart) != loop.apart


def only_tries(frame: Frame, call: ast.Call | None) -> bool:
    """Whether the loops of a function end unless something fails, and give what they call the same
    in each turn."""
    retries = all(loop.retries for loop in frame.loops)
    return retries and call is not None and gives_same(call, frame.loops[-1].node)
