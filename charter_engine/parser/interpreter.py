"""The order of an analysis: every module and function on its own to find the wrappers, then twice
over for the edges.

The first pass interprets each function with its parameters unknown. A function whose prompt comes
from outside and whose answer goes back is a wrapper. The passes after it record edges; the second
of them starts from what the first left in attributes and globals, as a driver that calls the
functions again and again would.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping

from charter_engine.parser.flows.kept_state import KeptState, runs_once
from charter_engine.parser.flows.memory import Memory, tells_more
from charter_engine.parser.graphs.inner_graphs import with_runs
from charter_engine.parser.interpreting.arguments import bound_before
from charter_engine.parser.interpreting.attributes import hand_over
from charter_engine.parser.interpreting.entries import (
    NO_ENTRY,
    NOTHING_GIVEN,
    Entries,
    FunctionEntry,
    WaysToCalls,
)
from charter_engine.parser.interpreting.expressions import Evaluator
from charter_engine.parser.interpreting.following import MAX_CHOICES
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.interpreting.reach import NO_NAMES
from charter_engine.parser.interpreting.recursions import Recursion
from charter_engine.parser.interpreting.room import with_room
from charter_engine.parser.model_calls import wrappers
from charter_engine.parser.model_calls.catalogue import Catalogue
from charter_engine.parser.model_calls.evidence import EVIDENCE
from charter_engine.parser.model_calls.findings import Findings, Visit, Wrapper
from charter_engine.parser.prompts.prompt_files import NoFiles, TextFiles
from charter_engine.parser.source.program import Program
from charter_engine.parser.source.symbols import FunctionDefinition, Module
from charter_engine.parser.state import Analysis, AnalysisProgress, AskedPlace
from charter_engine.parser.teams.role_turns import acting_in
from charter_engine.parser.values.candidates import made_in
from charter_engine.parser.values.values import UNKNOWN, Function, Value, object_of
from charter_engine.parser.workflows.handlers import handler_node, is_graph_node

STEPS_PER_FUNCTION = 4_000
STEPS_PER_MODULE = 60_000
"""Calls are followed until so many expressions are evaluated from one start. The statements of the
function itself are always run to their end."""

FEW_FUNCTIONS = 40
STEPS_AMONG_FEW = 12_000
"""Where no more functions than these may lead to a model, each is followed further: one that
uploads files, logs and keeps records on its way spends thousands of steps before it asks. All of
them together come to less than `PLENTY` in a pass."""

STEPS_OF_A_LOOK = 500
"""In the first pass, until it is known which functions ask a model themselves."""

STEPS_OF_MODULES = 240_000
STEPS_OF_LOOKING_AT_MODULES = 60_000
"""Top levels of a package share so many in each pass, and in the first: its programs, which follow
the same library, would each go through all of that."""

PLENTY = 600_000
MANY_FUNCTIONS = 1_600
"""Once an analysis has taken so many steps, or where so many functions may lead to a model, each
function is followed less far."""

FEWEST_STEPS = 600
FEWEST_OF_A_MODULE = 2_500
"""In a very large package every function, and every program, is still followed, if not far."""

NEAR = 2
"""There, so many calls may lie between a function that was cut off and one that asks a model, by
their names, for the first to be followed again on its own."""


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
        self.ranks = analysis.program.graph.rank() if analysis.program.graph is not None else {}
        self.left_for_modules = STEPS_OF_LOOKING_AT_MODULES
        self.is_large = self.is_small = False
        self.fruitless: set[str] = set()
        self.outcomes: dict[FunctionDefinition, tuple[Value, list[Visit]]] = {}
        self.around: dict[FunctionDefinition, dict[str, Value]] = {}

    def run(self) -> None:
        visited = self.find_wrappers()
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
        for round_number in (0, 1):
            self.start_round(round_number)
            for module in self.program.in_turn:
                if module.path not in self.fruitless:
                    self.run_module(module)
            self.kept.put_back()
            self.evaluator.team_runs.serve()
            agents = self.agents_in_turn()
            for definition in alone:
                self.run_agents(agents, before=definition)
                self.kept.begin(definition.node_name, is_once=runs_once(definition))
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
            self.run_lambdas()
            self.kept.note()

    def run_for_each_class(self, definition: FunctionDefinition, entry: FunctionEntry) -> None:
        """Run a function; a method of a base as each of the classes has it that do what it leaves
        open."""
        turns = self.evaluator.role_turns.turns_of(definition)
        for turn in turns[:MAX_CHOICES]:
            acting = object_of(acting_in(definition, turn))
            with self.evaluator.role_turns.taken(turn):
                self.run_alone(definition, entry._replace(bound=acting))
        functions = self.evaluator.node_agents.bound.get(definition)
        if functions:
            self.run_bound(definition, entry, list(functions.values()))
        if turns or functions:
            return
        bound = object_of(definition.owner) if definition.owner is not None else None
        methods = self.evaluator.names.implementing(Function(definition, entry.bound or bound))
        if definition.is_abstract or not methods:
            self.run_alone(definition, entry)
            return
        for method in methods[:MAX_CHOICES]:
            self.run_alone(definition, entry._replace(bound=method.bound))

    def run_bound(
        self, definition: FunctionDefinition, entry: FunctionEntry, functions: list[Function]
    ) -> None:
        """Run the function of a node once for each place that has bound arguments of it; the state
        after it holds what any of them leaves."""
        left: dict[str, Value] = {}
        for function in functions[:MAX_CHOICES]:
            self.run_alone(definition, entry, bound_before(function))
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
            self.evaluator.node_agents.run(agents.pop(), self.steps_for_function())

    def rank_of(self, node: str) -> int:
        return self.ranks.get(node, len(self.ranks))

    def run_lambdas(self) -> None:
        """Follow the lambdas that nothing at hand calls: what they are given to may."""
        for definition in self.program.asking_lambdas:
            if definition not in self.evaluator.follower.lambdas:
                self.run_alone(definition)

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
        self.left_for_modules = STEPS_OF_MODULES
        self.evaluator.follower.lambdas.clear()
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

    def find_wrappers(self) -> list[FunctionDefinition]:
        """Interpret everything on its own; returns the functions worth interpreting again."""
        for module in self.program.in_turn:
            self.run_module(module)
        self.findings.guessed = {
            number for number, site in self.findings.sites.items() if site.family == EVIDENCE.name
        }
        worth = [
            definition
            for definition in self.definitions()
            if definition in self.program.reaching
            or self.evaluator.states.parameter(definition)
            or definition.stores
            or self.program.stands_between(definition)
            or self.progress.is_asked(definition.module.path, definition.node)
        ]
        self.is_large = len(worth) > MANY_FUNCTIONS
        self.is_small = len(worth) <= FEW_FUNCTIONS
        found: dict[FunctionDefinition, Wrapper] = {}
        first = self.worth_a_look(worth)
        visited, cut = self.look(first, found)
        cut |= set(worth) - set(first)
        asking = {site.function for site in self.findings.sites.values()} | self.findings.unsettled
        functions = {function for function in asking if function is not None}
        leading = self.program.call_names.leading_to(functions | self.makers())
        near = self.near(functions, leading)
        undecided = (near & cut) | (functions - visited)
        visited |= (leading - near) & cut
        visited |= {
            definition
            for definition in worth
            if definition in undecided and self.judged(definition, found)
        }
        visited |= {
            one
            for one in worth
            if one not in visited and self.is_told_more(one) and self.judged(one, found)
        }
        self.leave_out_steps(found)
        self.add_those_asked_elsewhere(found)
        self.run_lambdas()
        self.findings.visits = None
        self.findings.wrappers = found
        self.findings.are_judged = True
        self.outcomes.clear()
        matters = self.those_that_matter()
        makers = {made.function for made in self.evaluator.agents.latest}
        return [
            definition
            for definition in worth
            if (definition in visited and matters(definition))
            or definition in makers
            or self.program.stands_between(definition)
            or self.progress.is_asked(definition.module.path, definition.node)
        ]

    def makers(self) -> set[FunctionDefinition]:
        """The functions that were seen to return an agent or a team: who calls them may run it."""
        return {one for one, (result, _) in self.outcomes.items() if any(made_in(result))}

    def worth_a_look(self, worth: list[FunctionDefinition]) -> list[FunctionDefinition]:
        """In a very large package, those that may ask a model themselves, or leave something for
        others; else all."""
        if not self.is_large:
            return worth
        may_ask = self.program.call_names.that_may_ask_themselves()
        return [
            definition
            for definition in worth
            if definition in may_ask
            or definition.stores
            or definition.name == "__init__"
            or self.evaluator.states.parameter(definition)
            or self.progress.is_asked(definition.module.path, definition.node)
        ]

    def near(
        self, asking: set[FunctionDefinition], leading: set[FunctionDefinition]
    ) -> set[FunctionDefinition]:
        """Of those that lead to functions that ask, the ones that are followed again where they
        were cut off: all, but in a very large package only the near ones, and closures, which may
        call a model by another name."""
        if not self.is_large:
            return leading
        closures = {definition for definition in leading if definition.outer is not None}
        return self.program.call_names.leading_to(asking, hops=NEAR) | closures

    def those_that_matter(self) -> Callable[[FunctionDefinition], bool]:
        """Tells the functions that led to a site, or may since all wrappers are known; the others
        were only cut off."""
        sites = self.findings.sites.values()
        reaching = {definition for site in sites for definition in site.under}
        asking = {site.function.name for site in sites if site.function is not None}
        asking |= {definition.name for definition in self.findings.wrappers}
        named = self.program.call_names.named

        def matters(definition: FunctionDefinition) -> bool:
            names = named.get(definition, NO_NAMES)
            return (
                definition in reaching
                or prepares(definition)
                or self.evaluator.states.parameter(definition) is not None
                or not asking.isdisjoint((*names.called, *names.given))
            )

        return matters

    def look(
        self, worth: list[FunctionDefinition], found: dict[FunctionDefinition, Wrapper]
    ) -> tuple[set[FunctionDefinition], set[FunctionDefinition]]:
        """Follow each function a little way: those that reach a model so, and those that were cut
        off. What leads to no function that asks is not followed further. Functions that set a
        global or keep something for others come first: what these find there may be what they
        ask."""
        visited: set[FunctionDefinition] = set()
        cut: set[FunctionDefinition] = set()
        self.progress.is_looking = True
        for definition in sorted(worth, key=lambda one: not (one.sets_globals or one.sets_session)):
            if self.judged(definition, found):
                visited.add(definition)
            if self.progress.is_cut or (self.is_large and self.progress.is_spent):
                cut.add(definition)
        self.progress.is_looking = False
        return visited, cut

    def judged(
        self, definition: FunctionDefinition, found: dict[FunctionDefinition, Wrapper]
    ) -> bool:
        """Interpret a function on its own and add it to the wrappers `found` if it is one. Whether
        it matters again."""
        visits: list[Visit] = []
        self.findings.visits = visits
        self.around[definition] = dict(self.told(definition))
        functions = self.evaluator.node_agents.bound.get(definition, {}).values()
        for function in list(functions)[1:MAX_CHOICES]:
            self.run_alone(definition, given=bound_before(function))
        first = next(iter(functions), Function(definition))
        result = self.run_alone(definition, given=bound_before(first))
        state = self.evaluator.states.parameter(definition)
        if state is not None:
            if definition.node_name not in self.evaluator.states.nodes:
                self.add_asking_beside(definition, state, (result, visits), found)
            return True
        self.outcomes[definition] = (result, visits)
        self.add_wrapper(definition, found)
        is_cut = self.progress.is_cut and not self.progress.is_looking
        return bool(visits) or is_cut or prepares(definition)

    def is_told_more(self, definition: FunctionDefinition) -> bool:
        """Whether the object of a method, or the function that one stands in, was given something
        since that one was interpreted: an agent that it asks, perhaps."""
        before = self.around.get(definition)
        if before is None or definition not in self.program.reaching:
            return False
        names = self.told(definition)
        return any(tells_more(value, before.get(name, UNKNOWN)) for name, value in names.items())

    def told(self, definition: FunctionDefinition) -> dict[str, Value]:
        """What is known of the names that a function finds around it: those of the function that it
        stands in, or the attributes of its object."""
        if definition.outer is not None:
            return self.memory.closures.get(definition.outer, {})
        owner = definition.owner
        return self.memory.object_of(owner).fields if owner is not None else {}

    def add_wrapper(
        self,
        definition: FunctionDefinition,
        found: dict[FunctionDefinition, Wrapper],
        asked: bool = False,
    ) -> None:
        """`asked`: other modules call the function as one calls a model. A later look, which may
        see more, decides."""
        result, visits = self.outcomes[definition]
        wrapper = wrappers.wrapper_of(self.analysis, definition, result, visits, asked)
        if wrapper is not None:
            found[definition] = wrapper
        elif visits and not asked:
            found.pop(definition, None)

    def leave_out_steps(self, found: dict[FunctionDefinition, Wrapper]) -> None:
        """Take those out of the wrappers `found` that ask through a step of the agent, or have one
        ask before: what such a step writes is no caller's."""
        steps = {
            definition
            for definition, (_, visits) in self.outcomes.items()
            if definition not in found and wrappers.writes_prompt(self.analysis, definition, visits)
        }
        for definition in list(found):
            _, visits = self.outcomes.get(definition, (UNKNOWN, []))
            left = wrappers.without_steps(
                self.analysis, definition, found[definition], visits, steps
            )
            if left is None:
                del found[definition]
            else:
                found[definition] = left

    def add_asking_beside(
        self,
        definition: FunctionDefinition,
        state: str,
        outcome: tuple[Value, list[Visit]],
        found: dict[FunctionDefinition, Wrapper],
    ) -> None:
        """A helper of a graph's node that is handed the state beside the prompt it sends."""
        wrapper = wrappers.wrapper_of(self.analysis, definition, *outcome)
        if wrapper is not None and wrapper.parameters - {state}:
            found[definition] = wrapper

    def add_those_asked_elsewhere(self, found: dict[FunctionDefinition, Wrapper]) -> None:
        """Functions that other modules call as one calls a model: those that ask one themselves,
        and those that ask only what they are given."""
        for definition, answered in self.findings.asked_elsewhere.items():
            if definition in found or definition not in self.outcomes:
                continue
            self.add_wrapper(definition, found, asked=True)
            _, visits = self.outcomes[definition]
            if answered and not visits and definition.name != "__init__":
                found[definition] = Wrapper(tuple(sorted(answered)), frozenset())

    def definitions(self) -> list[FunctionDefinition]:
        """The functions by their file and place, constructors first, the nodes of graphs, lambdas
        among them, and flows in their order, whichever files they stand in."""
        found = [
            definition
            for module in self.program.modules.values()
            for definition in module.functions.values()
        ]
        ranks = self.ranks
        plain = [
            one for one in found if not isinstance(one.node, ast.Lambda) or one.node_name in ranks
        ]
        flow = self.program.flows.order
        handlers = self.program.handlers if any(map(is_graph_node, found)) else None
        handled = handlers.rank() if handlers is not None else {}
        placed = sorted(
            plain,
            key=lambda item: (
                item.module.path,
                item.name != "__init__",
                flow.get(item.owner, len(flow)) if item.owner is not None else len(flow),
                handled.get(item.qualname, len(handled)) if is_graph_node(item) else len(handled),
                self.rank_of(item.node_name),
                item.node.lineno,
            ),
        )
        placed = put_in_turn(placed, self.program.roles.order)
        placed = put_in_turn(
            placed, {one: ranks[one.node_name] for one in placed if one.node_name in ranks}
        )
        return self.handlers_in_turn(placed)

    def handlers_in_turn(self, placed: list[FunctionDefinition]) -> list[FunctionDefinition]:
        """The functions with handlers in the order in which they call for each other."""
        if self.program.handlers is None:
            return placed
        turns = {node: turn for turn, node in enumerate(self.program.handlers.in_turn())}
        handlers = ((one, turns.get(handler_node(one))) for one in placed)
        return put_in_turn(placed, {one: turn for one, turn in handlers if turn is not None})

    def run_module(self, module: Module) -> None:
        """A top level; it is fruitless, and not followed again, where its steps were spent before
        they came to a model."""
        before, reached = self.progress.steps, self.findings.reached
        steps = self.steps_for_module()
        self.progress.begin(module.path, steps)
        self.findings.outputs.begin()
        self.progress.is_short = steps == FEWEST_OF_A_MODULE
        self.evaluator.follower.followed.clear()
        self.evaluator.names.forget()
        frame = Frame(module, self.memory.globals.setdefault(module.path, {}))
        try:
            self.evaluator.walker.execute(frame, module.tree.body)
        except RecursionError:
            self.progress.stop(deep=True)
        self.left_for_modules -= self.progress.steps - before
        if self.findings.are_judged and self.progress.is_spent and self.findings.reached == reached:
            self.fruitless.add(module.path)
            self.progress.stop()
        self.memory.globals[module.path] = frame.names
        self.evaluator.names.forget()

    def steps_for_module(self) -> int:
        fewest = FEWEST_OF_A_MODULE if self.findings.are_judged else FEWEST_STEPS
        return max(fewest, min(STEPS_PER_MODULE, self.left_for_modules // 4))

    def steps_for_function(self) -> int:
        if self.progress.is_looking:
            return STEPS_OF_A_LOOK
        is_short = self.is_large or self.progress.steps >= PLENTY
        if is_short:
            return FEWEST_STEPS
        return STEPS_AMONG_FEW if self.is_small else STEPS_PER_FUNCTION

    def run_as_called(self, definition: FunctionDefinition) -> None:
        """A function that others call, on its own: among the lists that it found when it was called
        first, or last, which are afterwards as its callers left them."""
        calls = self.entries.calls.get(definition)
        if calls is None:
            entry = FunctionEntry(lists=self.entries.lists_of(Function(definition)))
        else:
            entry = calls.last if self.progress.round else calls.first
        self.kept.begin(definition.node_name, is_once=runs_once(definition))
        left = entry.lists.as_they_are()
        entry.lists.put_back()
        self.run_for_each_class(definition, entry)
        left.put_back()
        self.kept.end(is_once=False)
        self.memory.changes += 1

    def run_alone(
        self,
        definition: FunctionDefinition,
        entry: FunctionEntry = NO_ENTRY,
        given: Mapping[str, Value] = NOTHING_GIVEN,
    ) -> Value:
        """A function with its parameters unknown but for those `given`: each is an origin of its
        own, so that it can be told in a prompt."""
        place = definition.module.path
        steps = self.steps_for_function()
        self.progress.begin(place, steps, definition.node_name, definition.node.lineno)
        self.findings.outputs.begin()
        self.progress.is_short = self.is_large and self.progress.is_looking
        follower = self.evaluator.follower
        follower.followed.clear()
        function = Function(definition, entry.bound)
        given = {**self.agents_given(definition), **given}
        names = self.evaluator.arguments.first_names(function, given)
        recursion = self.memory.recursions.get(definition, Recursion())
        spec = definition.node.args
        for arg in (
            *spec.posonlyargs,
            *spec.args,
            *spec.kwonlyargs,
            *(item for item in (spec.vararg, spec.kwarg) if item),
        ):
            if arg.arg == definition.own_name:
                continue
            if arg.arg in given or arg.arg in definition.kept_from_around:
                continue
            value = names.get(arg.arg, UNKNOWN)
            handed_down = recursion.given_before(arg.arg, self.progress.round)
            names[arg.arg] = value.with_origins(
                self.findings.parameter_origin(definition, arg.arg) | handed_down
            )
        try:
            ways = self.entries.ways.get((definition, self.progress.round), WaysToCalls())
            frame = Frame(
                definition.module,
                names,
                function=definition,
                driven=entry.loops,
                spread=recursion.fanout,
                elsewhere=ways.excluded(),
            )
            if definition.own_name:
                hand_over(frame, definition.own_name, entry.known)
            result = follower.run_body(frame)
        except RecursionError:
            self.progress.stop(deep=True)
            return UNKNOWN
        if (again := self.memory.recursions.get(definition)) is not None:
            again.keep_returned(result)
        self.evaluator.states.absorb(definition, frame, result)
        self.evaluator.states.keep_returned(definition, result)
        self.evaluator.role_turns.keep(result)
        return result

    def agents_given(self, definition: FunctionDefinition) -> Mapping[str, Value]:
        """The agents that a step has of its callers, as these made them; a wrapper asks whatever it
        is given."""
        calls = self.entries.calls.get(definition) if self.findings.visits is None else None
        is_step = definition not in self.findings.wrappers
        return calls.agents if calls is not None and is_step else NOTHING_GIVEN


def prepares(definition: FunctionDefinition) -> bool:
    """Whether a function leaves something that others ask: a constructor, or what begins a
    session."""
    return definition.name == "__init__" or definition.sets_session


def put_in_turn(
    functions: list[FunctionDefinition], order: dict[FunctionDefinition, int]
) -> list[FunctionDefinition]:
    """Functions with those that have an order in it, in the places where these stood."""
    ordered = sorted((one for one in functions if one in order), key=lambda one: order[one])
    in_turn = iter(ordered)
    return [next(in_turn) if one in order else one for one in functions]
