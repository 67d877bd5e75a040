"""Where the interpreter starts: at top levels and functions, each on its own and for so many
steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from charter_engine.parser.branches.added_members import put_back
from charter_engine.parser.branches.open_flags import left_open
from charter_engine.parser.interpreting.attributes import hand_over
from charter_engine.parser.interpreting.entries import (
    NO_ENTRY,
    NOTHING_GIVEN,
    FunctionEntry,
    WaysToCalls,
)
from charter_engine.parser.interpreting.expressions import Evaluator
from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.interpreting.recursions import Recursion
from charter_engine.parser.source.symbols import FunctionDefinition, Module
from charter_engine.parser.state import Analysis
from charter_engine.parser.values.values import UNKNOWN, Function, Value

STEPS_PER_FUNCTION = 4_000
STEPS_PER_MODULE = 60_000
"""Calls are followed until so many expressions are evaluated from one start. The statements of the
function itself are always run to their end."""

STEPS_AMONG_FEW = 12_000
"""Where few functions may lead to a model, each is followed further, as long as all of them
together come to less than `PLENTY` in a pass: one that uploads files, logs and keeps records on its
way spends thousands of steps before it asks."""

STEPS_OF_A_PROGRAM = 60_000
STEPS_OF_PROGRAMS = 600_000
"""A function that nothing at hand calls goes through what the others do, and is followed so far, as
long as all such functions together come to no more than the latter in a pass."""

STEPS_OF_A_LOOK = 500
FEWEST_OF_A_LOOK = 150
"""In the first pass, until it is known which functions ask a model themselves. In a very large
package the fewest do that: of browser-use and OpenHands, 500 steps showed no call that 150 did
not, measured."""

STEPS_OF_MODULES = 120_000
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


NO_CALLS: frozenset[int] = frozenset()


class Starts:
    """Starts an evaluator at a module or function; `is_large` tells that very many functions may
    lead to a model, `most_for_function` how far each is followed, and `most_for_program` how far
    each of the `programs`, which nothing calls. `fruitless` are the top levels that came to none in
    many steps, with those that each is charged instead of being followed again."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.entries = analysis.entries
        self.evaluator = evaluator
        self.left_for_modules = STEPS_OF_LOOKING_AT_MODULES
        self.is_large = False
        self.most_for_function = self.most_for_program = STEPS_PER_FUNCTION
        self.programs: frozenset[FunctionDefinition] = frozenset()
        self.fruitless: dict[str, int] = {}

    def begin_round(self) -> None:
        """Let the top levels of a package share what steps they have in a pass, and no page have
        answered an event in it yet."""
        self.left_for_modules = STEPS_OF_MODULES
        self.findings.outputs.at_events.clear()
        self.evaluator.follower.lambdas.clear()

    def expect(self, functions: int) -> None:
        """Follow each function as far as their number allows."""
        self.is_large = functions > MANY_FUNCTIONS
        share = PLENTY // max(functions, 1)
        self.most_for_function = max(STEPS_PER_FUNCTION, min(STEPS_AMONG_FEW, share))

    def expect_programs(self, programs: Iterable[FunctionDefinition]) -> None:
        """Follow each function that nothing calls as far as their number allows."""
        self.programs = frozenset(programs)
        share = STEPS_OF_PROGRAMS // max(len(self.programs), 1)
        self.most_for_program = max(self.most_for_function, min(STEPS_OF_A_PROGRAM, share))

    def run_module(self, module: Module) -> None:
        """A top level, unless it is fruitless. One that came to its end leaves the others as many
        steps as if it were followed again."""
        if module.path in self.fruitless:
            self.left_for_modules -= self.fruitless[module.path]
            return
        before, reached = self.progress.steps, self.findings.reached
        steps = self.steps_for_module()
        self.progress.begin(module.path, steps)
        self.findings.outputs.begin()
        self.memory.added.clear()
        self.progress.is_short = steps == self.fewest_for_module
        self.evaluator.follower.followed.clear()
        self.evaluator.names.forget()
        frame = Frame(module, self.memory.globals.setdefault(module.path, {}))
        try:
            self.run_statements(frame)
        except RecursionError:
            self.progress.stop(deep=True)
        put_back(self.memory, frame.absent)
        taken = self.progress.steps - before
        self.left_for_modules -= taken
        if self.findings.are_judged and self.findings.reached == reached:
            self.note_in_vain(module, taken)
        self.memory.globals[module.path] = frame.names
        self.memory.opened_modules.add(module.path)
        self.evaluator.names.forget()

    def run_statements(self, frame: Frame) -> None:
        """Run a top level. What it calls finds the names that the statements before have left."""
        for statement in frame.module.tree.body:
            if not self.evaluator.walker.execute(frame, [statement]):
                return
            self.memory.globals[frame.module.path] = frame.names

    def note_in_vain(self, module: Module, taken: int) -> None:
        """Keep that a top level came to no model, where it took many steps or all that it had."""
        if self.progress.is_spent:
            self.fruitless[module.path] = 0
            self.progress.stop()
        elif taken > FEWEST_OF_A_MODULE:
            self.fruitless[module.path] = taken

    @property
    def fewest_for_module(self) -> int:
        return FEWEST_OF_A_MODULE if self.findings.are_judged else FEWEST_STEPS

    def steps_for_module(self) -> int:
        return max(self.fewest_for_module, min(STEPS_PER_MODULE, self.left_for_modules // 4))

    def steps_for_function(self, definition: FunctionDefinition | None = None) -> int:
        if self.progress.is_looking:
            return FEWEST_OF_A_LOOK if self.is_large else STEPS_OF_A_LOOK
        is_short = self.is_large or self.progress.steps >= PLENTY
        if is_short:
            return FEWEST_STEPS
        return self.most_for_program if definition in self.programs else self.most_for_function

    def agents_given(self, definition: FunctionDefinition) -> Mapping[str, Value]:
        """The agents that a step has of its callers, as these made them; a wrapper asks whatever it
        is given, by the functions that it is given."""
        calls = self.entries.calls.get(definition) if self.findings.visits is None else None
        wrapper = self.findings.wrappers.get(definition)
        if wrapper is not None:
            handed = self.entries.handed.get(definition, NOTHING_GIVEN)
            return {name: handed[name] for name in wrapper.askers if name in handed}
        return calls.agents if calls is not None else NOTHING_GIVEN

    def run_alone(
        self,
        definition: FunctionDefinition,
        entry: FunctionEntry = NO_ENTRY,
        given: Mapping[str, Value] = NOTHING_GIVEN,
    ) -> Value:
        """A function with its parameters unknown but for those `given`: each is an origin of its
        own, so that it can be told in a prompt."""
        place = definition.module.path
        steps = self.steps_for_function(definition)
        self.progress.begin(place, steps, definition.node_name, definition.node.lineno)
        ways = self.entries.ways.get((definition, self.progress.round), WaysToCalls())
        left = self.left_by_served() if self.entries.is_served(ways) else NO_CALLS
        self.findings.outputs.begin(ways.earlier(), left, ways.in_turn)
        self.memory.added.clear()
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
            frame = Frame(
                definition.module,
                names,
                function=definition,
                driven=entry.loops,
                spread=recursion.fanout,
                elsewhere=ways.excluded(),
                open_flags=left_open(definition, self.entries.given_all),
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

    def left_by_served(self) -> AbstractSet[int]:
        """The calls that were reached from functions that a server runs."""
        reached = self.findings.reached_from
        return NO_CALLS.union(*[reached.get(one, ()) for one in self.entries.served.values()])

    def run_lambdas(self) -> None:
        """Follow the lambdas that nothing at hand calls: what they are given to may."""
        for definition in self.program.asking_lambdas:
            if definition not in self.evaluator.follower.lambdas:
                self.run_alone(definition)
