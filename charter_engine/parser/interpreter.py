"""The order of an analysis: every module and function on its own to find the wrappers, then twice
over for the edges.

The first pass interprets each function with its parameters unknown. A function whose prompt comes
from outside and whose answer goes back is a wrapper. The passes after it record edges; the second
of them starts from what the first left in attributes and globals, as a driver that calls the
functions again and again would.
"""

from __future__ import annotations

from charter_engine.parser.flows.kept_state import KeptState, runs_once
from charter_engine.parser.flows.memory import Memory
from charter_engine.parser.graphs.inner_graphs import with_runs
from charter_engine.parser.interpreting.arguments import bound_before
from charter_engine.parser.interpreting.entries import NO_ENTRY, Entries, FunctionEntry
from charter_engine.parser.interpreting.expressions import Evaluator
from charter_engine.parser.interpreting.following import MAX_CHOICES
from charter_engine.parser.interpreting.own_texts import OwnTexts
from charter_engine.parser.interpreting.reach import NO_NAMES
from charter_engine.parser.interpreting.room import with_room
from charter_engine.parser.model_calls.catalogue import Catalogue
from charter_engine.parser.model_calls.findings import Findings
from charter_engine.parser.passes.order import ranks_in
from charter_engine.parser.passes.starts import Starts
from charter_engine.parser.passes.wrapper_search import WrapperSearch
from charter_engine.parser.prompts.prompt_files import NoFiles, TextFiles
from charter_engine.parser.source.program import Program
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition, Module
from charter_engine.parser.state import Analysis, AnalysisProgress, AskedPlace
from charter_engine.parser.teams.role_turns import acting_in
from charter_engine.parser.values.values import Function, Instance, Value, object_of


@with_room
def interpret(
    modules: dict[str, Module],
    catalogue: Catalogue,
    asked: AskedPlace | None = None,
    files: TextFiles | None = None,
) -> Analysis:
    """Analyse modules that belong together, keyed by dotted name, with the `files` beside them.
    `findings.sites` are their calls; `progress.notes` and `near` tell of what is `asked` for."""
    program = Program(modules, catalogue, files or NoFiles())
    memory, progress = Memory(), AnalysisProgress(asked)
    analysis = Analysis(program, memory, Findings(), progress, Entries(memory, progress))
    Interpreter(analysis).run()
    analysis.findings.take_back()
    return analysis


class Interpreter:
    """Starts an evaluator at every module and function, in rounds."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self.program = analysis.program
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.entries = analysis.entries
        self.evaluator = Evaluator(analysis)
        self.kept = KeptState(
            analysis.memory, analysis.findings, analysis.entries, analysis.program.catalogue
        )
        self.starts = Starts(analysis, self.evaluator)
        self.ranks = ranks_in(analysis.program)
        self.own_texts = OwnTexts(analysis.program, analysis.memory)

    def run(self) -> None:
        visited = WrapperSearch(self.analysis, self.evaluator, self.starts).run()
        evaluator = self.evaluator
        is_made = evaluator.served.may_serve() or evaluator.agents.has_made
        is_led = evaluator.node_agents.found or is_made
        if not self.findings.sites and not is_led:
            return
        self.progress.notes.clear()
        self.progress.near.clear()
        sites = self.findings.sites.values()
        self.entries.asking = {site.function for site in sites if site.function is not None}
        self.entries.asking |= self.those_that_call_wrappers(visited)
        self.entries.leading = self.entries.asking.union(*[site.under for site in sites])
        self.entries.wrappers = self.findings.wrappers.keys()
        called = {
            item
            for item in self.entries.called
            if item.name != "__init__" and item.node_name not in self.ranks
        }
        called |= {
            step
            for one in visited
            if one not in called and not one.is_abstract
            for step in self.steps_left_by(one)
        }
        alone = [one for one in visited if one not in called]
        by_others = [one for one in visited if one in called]
        if self.program.graph is not None:
            alone = with_runs(alone, self.program.graph)
        self.starts.expect_programs(alone)
        self.entries.served = {
            (one.module.path, one.node.lineno): one.node_name
            for one in alone
            if self.is_served(one)
        }
        self.entries.inner = {(one.module.path, one.node.lineno) for one in by_others}
        for round_number in (0, 1):
            self.start_round(round_number)
            self.run_round(alone, by_others)

    def run_round(
        self, alone: list[FunctionDefinition], by_others: list[FunctionDefinition]
    ) -> None:
        """Run the top levels and what begins a session, the functions that nothing calls, and those
        that others call: last the ones that none of these came to."""
        for module in self.program.in_turn:
            self.starts.run_module(module)
        beginning = [one for one in alone if one.sets_session and one not in self.entries.leading]
        for definition in beginning:
            self.run_for_each_class(definition, NO_ENTRY)
        self.kept.put_back()
        self.evaluator.team_runs.serve()
        agents = self.agents_in_turn()
        for definition in (one for one in alone if one not in beginning):
            self.run_agents(agents, before=definition)
            self.kept.begin(definition.node_name, is_once=runs_once(definition), is_called=False)
            if self.is_served(definition):
                self.kept.serve(self.handed_to(definition))
            self.run_for_each_class(definition, NO_ENTRY)
            self.kept.end(is_once=runs_once(definition))
        waiting: list[FunctionDefinition] = []
        for definition in by_others:
            if self.entries.is_uncalled(definition):
                waiting.append(definition)
            else:
                self.run_agents(agents, before=definition)
                self.run_as_called(definition)
        for definition in waiting:
            self.run_as_called(definition)
        self.run_agents(agents)
        self.starts.run_lambdas()
        self.kept.note()

    def is_served(self, definition: FunctionDefinition) -> bool:
        """Whether a server may run a function that nothing at hand calls: it is no method, which a
        framework may call, and no node of a graph."""
        is_node = definition.node_name in self.ranks
        return definition.owner is None and not is_node and not runs_once(definition)

    def handed_to(self, definition: FunctionDefinition) -> set[ClassDefinition]:
        """The classes at hand of what a function says that it is given."""
        names = self.evaluator.names
        frame = names.frame_of(definition.module)
        spec = definition.node.args
        return {
            kind.definition
            for parameter in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)
            for kind in names.annotated_types(frame, parameter.annotation).types
            if isinstance(kind, Instance)
        }

    def run_for_each_class(self, definition: FunctionDefinition, entry: FunctionEntry) -> None:
        """Run a function; a method of a base as each of the classes has it that do what it leaves
        open."""
        turns = self.evaluator.role_turns.turns_of(definition)
        for turn in turns[:MAX_CHOICES]:
            acting = object_of(acting_in(definition, turn))
            with self.evaluator.role_turns.taken(turn):
                self.starts.run_alone(definition, entry._replace(bound=acting))
        functions = self.evaluator.node_agents.bound.get(definition)
        if functions:
            self.run_bound(definition, entry, list(functions.values()))
        if turns or functions:
            return
        bound = object_of(definition.owner) if definition.owner is not None else None
        methods = self.evaluator.names.implementing(Function(definition, entry.bound or bound))
        if definition.is_abstract or not methods:
            self.starts.run_alone(definition, entry)
            return
        for method in methods[:MAX_CHOICES]:
            self.starts.run_alone(definition, entry._replace(bound=method.bound))

    def run_bound(
        self, definition: FunctionDefinition, entry: FunctionEntry, functions: list[Function]
    ) -> None:
        """Run the function of a node once for each place that has bound arguments of it; the state
        after it holds what any of them leaves."""
        left: dict[str, Value] = {}
        for function in functions[:MAX_CHOICES]:
            self.starts.run_alone(definition, entry, bound_before(function))
            left = self.evaluator.states.leave_beside(definition.node_name, left)

    def steps_left_by(self, method: FunctionDefinition) -> list[FunctionDefinition]:
        """The methods by which the classes made from a base do what a method of it leaves open."""
        owner = method.owner
        left = self.program.implementing(owner, method).values() if owner is not None else ()
        return [step for steps in left for step in steps]

    def agents_in_turn(self) -> list[str]:
        """The agents and tools that stand as nodes in graphs, those that come last first."""
        return sorted(self.evaluator.node_agents.names(), key=self.rank_of, reverse=True)

    def run_agents(self, agents: list[str], before: FunctionDefinition | None = None) -> None:
        """Run the agents of a graph whose turn comes before that of a function of it; without one,
        all."""
        if before is not None and before.node_name not in self.ranks:
            return
        while agents and (
            before is None or self.rank_of(agents[-1]) < self.rank_of(before.node_name)
        ):
            self.evaluator.node_agents.run(agents.pop(), self.starts.steps_for_function())

    def rank_of(self, node: str) -> int:
        return self.ranks.get(node, len(self.ranks))

    def those_that_call_wrappers(
        self, functions: list[FunctionDefinition]
    ) -> set[FunctionDefinition]:
        """The functions that call a wrapper, by the names they call."""
        wrappers = {definition.name for definition in self.findings.wrappers}
        named = self.program.call_names.named
        return {
            one for one in functions if not wrappers.isdisjoint(named.get(one, NO_NAMES).called)
        }

    def start_round(self, round_number: int) -> None:
        self.progress.round = round_number
        if round_number > 0:
            self.evaluator.graph_runs.carry_on()
            self.memory.forget_runs()
        self.starts.begin_round()
        if round_number == 0:
            self.progress.stops.clear()
            self.evaluator.follower.dead_ends.known.clear()
            self.memory.forget()
            self.entries.calls.clear()
            self.entries.ways.clear()
            for site in self.findings.sites.values():
                site.edges.clear()
                site.sent.clear()
                site.heard = ()
                site.prompt = site.opening = ()
                site.is_alone, site.fanout = False, None

    def run_as_called(self, definition: FunctionDefinition) -> None:
        """A function that others call, on its own: among the lists that it found when it was called
        first, or last, which are afterwards as its callers left them."""
        calls = self.entries.calls.get(definition)
        if calls is None:
            entry = FunctionEntry(lists=self.entries.lists_of(Function(definition)))
        else:
            entry = calls.last if self.progress.round else calls.first
        self.kept.begin(definition.node_name, is_once=runs_once(definition), is_called=True)
        left = entry.lists.as_they_are()
        entry.lists.put_back()
        objects = tuple(calls.objects) if calls is not None else ()
        entry = self.own_texts.entered(definition, entry, objects)
        self.run_for_each_class(definition, entry)
        left.put_back()
        self.kept.end(is_once=False)
        self.memory.changes += 1
