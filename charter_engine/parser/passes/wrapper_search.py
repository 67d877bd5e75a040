"""The first pass: every module and function on its own, to find the wrappers.

A function whose prompt comes from outside and whose answer goes back is one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import replace

from charter_engine.parser.flows.memory import tells_more
from charter_engine.parser.interpreting.arguments import bound_before
from charter_engine.parser.interpreting.entries import NOTHING_GIVEN
from charter_engine.parser.interpreting.expressions import Evaluator
from charter_engine.parser.interpreting.following import MAX_CHOICES
from charter_engine.parser.interpreting.reach import NO_NAMES
from charter_engine.parser.model_calls import wrappers
from charter_engine.parser.model_calls.decorated import calls_decorated
from charter_engine.parser.model_calls.evidence import EVIDENCE
from charter_engine.parser.model_calls.findings import Visit, Wrapper
from charter_engine.parser.model_calls.turns_before import without_turns_before
from charter_engine.parser.passes.order import in_order_of_turn
from charter_engine.parser.passes.starts import Starts
from charter_engine.parser.source.symbols import FunctionDefinition
from charter_engine.parser.state import Analysis
from charter_engine.parser.values.candidates import functions_in, made_in
from charter_engine.parser.values.values import UNKNOWN, Function, Value


class WrapperSearch:
    """Judges functions by what each comes to on its own, as far as it is followed.

    `outcomes` are what they returned and the sites they visited, `around` what was known of the
    names around them.
    """

    def __init__(self, analysis: Analysis, evaluator: Evaluator, starts: Starts) -> None:
        self.analysis = analysis
        self.program = analysis.program
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.progress = analysis.progress
        self.entries = analysis.entries
        self.evaluator = evaluator
        self.starts = starts
        self.outcomes: dict[FunctionDefinition, tuple[Value, list[Visit]]] = {}
        self.around: dict[FunctionDefinition, dict[str, Value]] = {}

    def run(self) -> list[FunctionDefinition]:
        """Interpret everything on its own; returns the functions worth interpreting again: those
        that came to a model, by themselves or, if they are no methods, with what their callers
        gave, or may yet."""
        for module in self.program.in_turn:
            self.starts.run_module(module)
        self.note_guesses()
        worth = [
            definition
            for definition in self.in_turn()
            if definition in self.program.reaching
            or self.evaluator.states.parameter(definition)
            or definition.stores
            or self.program.stands_between(definition)
            or self.progress.is_asked(definition.module.path, definition.node)
        ]
        self.starts.expect(len(worth))
        found: dict[FunctionDefinition, Wrapper] = {}
        first = self.worth_a_look(worth)
        visited, cut = self.look(first, found)
        cut |= set(worth) - set(first)
        asking = {site.function for site in self.findings.sites.values()} | self.findings.unsettled
        functions = {function for function in asking if function is not None}
        leading = self.program.call_names.leading_to(functions | self.makers())
        near = self.near(functions, leading)
        visited |= self.judged_again(worth, (near & cut) | (functions - visited), found)
        further = self.further_off(near, leading)
        visited |= self.judged_again(worth, further & cut, found)
        visited |= (leading - near - further) & cut
        visited |= {
            one
            for one in worth
            if (one not in visited or self.is_guess(one))
            and self.is_told_more(one)
            and self.judged(one, found)
        }
        given_askers = self.add_those_given_askers(found)
        visited |= given_askers
        worth += [one for one in given_askers if one not in worth]
        self.add_those_that_hand_on(worth, found)
        self.leave_out_steps(found)
        self.add_those_asked_elsewhere(found)
        self.starts.run_lambdas()
        self.note_guesses()
        self.findings.visits = None
        self.findings.wrappers = found
        self.findings.are_judged = True
        matters = self.those_that_matter()
        makers = {made.function for made in self.evaluator.agents.latest}
        led_by_callers = self.entries.called.intersection(
            definition
            for site in self.findings.sites.values()
            for definition in site.under
            if definition.owner is None
        )
        return [
            definition
            for definition in worth
            if (definition in visited and matters(definition))
            or definition in led_by_callers
            or definition in makers
            or self.program.stands_between(definition)
            or self.progress.is_asked(definition.module.path, definition.node)
        ]

    def in_turn(self) -> list[FunctionDefinition]:
        """The functions in their turn, behind the lambdas that have a name or stand in a table."""
        placed = in_order_of_turn(self.program)
        held = self.program.call_names.held_lambdas
        return [*(one for one in held if one not in placed), *placed] if held else placed

    def note_guesses(self) -> None:
        """Keep which sites evidence alone speaks for, until they are reached again."""
        self.findings.guessed = set(filter(self.is_by_evidence, self.findings.sites))

    def makers(self) -> set[FunctionDefinition]:
        """The functions that were seen to return an agent or a team: who calls them may run it."""
        return {one for one, (result, _) in self.outcomes.items() if any(made_in(result))}

    def worth_a_look(self, worth: list[FunctionDefinition]) -> list[FunctionDefinition]:
        """In a very large package, those that may ask a model themselves, or leave something for
        others; else all."""
        if not self.starts.is_large:
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
        were cut off: all, but in a very large package only those that call such a function,
        constructors that lead to one, whose objects others ask, and closures that may ask a model
        themselves, which may call it by another name."""
        if not self.starts.is_large:
            return leading
        names = self.program.call_names
        closures = {one for one in names.that_may_ask_themselves() if one.outer is not None}
        constructors = {one for one in leading if prepares(one)}
        return names.leading_to(asking, hops=1) | (closures & leading) | constructors

    def further_off(
        self, near: set[FunctionDefinition], leading: set[FunctionDefinition]
    ) -> set[FunctionDefinition]:
        """Who calls what was seen to lead to a model."""
        seen = {one for one in near if one in self.outcomes and self.outcomes[one][1]}
        return (self.program.call_names.leading_to(seen, hops=1) & leading) - near

    def judged_again(
        self,
        worth: list[FunctionDefinition],
        undecided: set[FunctionDefinition],
        found: dict[FunctionDefinition, Wrapper],
    ) -> set[FunctionDefinition]:
        """Judge functions with all the steps that they have; returns those that matter again."""
        return {one for one in worth if one in undecided and self.judged(one, found)}

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
        ask. What top levels followed in vain may come to a model with the steps of a look."""
        visited: set[FunctionDefinition] = set()
        cut: set[FunctionDefinition] = set()
        self.progress.is_looking = True
        self.evaluator.follower.dead_ends.known.clear()
        for definition in sorted(worth, key=lambda one: not (one.sets_globals or one.sets_session)):
            if self.judged(definition, found):
                visited.add(definition)
            if self.progress.is_cut or (self.starts.is_large and self.progress.is_spent):
                cut.add(definition)
        self.progress.is_looking = False
        return visited, cut

    def judged(
        self,
        definition: FunctionDefinition,
        found: dict[FunctionDefinition, Wrapper],
        given: Mapping[str, Value] = NOTHING_GIVEN,
    ) -> bool:
        """Interpret a function on its own, with its parameters unknown but for those `given`, and
        add it to the wrappers `found` if it is one. Whether it matters again."""
        visits: list[Visit] = []
        self.findings.visits = visits
        self.around[definition] = dict(self.told(definition))
        functions = self.evaluator.node_agents.bound.get(definition, {}).values()
        for function in list(functions)[1:MAX_CHOICES]:
            self.starts.run_alone(definition, given=bound_before(function))
        first = next(iter(functions), Function(definition))
        result = self.starts.run_alone(definition, given={**bound_before(first), **given})
        state = self.evaluator.states.state_taken(definition)
        if state is not None:
            if definition.node_name not in self.evaluator.states.nodes:
                self.add_asking_beside(definition, state, (result, visits), found)
            return True
        self.outcomes[definition] = (result, without_turns_before(definition, visits))
        self.add_wrapper(definition, found)
        is_cut = self.progress.is_cut and not self.progress.is_looking
        return bool(visits) or is_cut or prepares(definition)

    def is_guess(self, definition: FunctionDefinition) -> bool:
        """Whether evidence alone speaks for a call of a function."""
        _, visits = self.outcomes.get(definition, (UNKNOWN, []))
        return any(self.is_by_evidence(visit.site) for visit in visits)

    def is_by_evidence(self, number: int) -> bool:
        """Whether evidence alone speaks for a site."""
        site = self.findings.sites.get(number)
        return site is not None and site.family == EVIDENCE.name

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

    def add_those_given_askers(
        self, found: dict[FunctionDefinition, Wrapper]
    ) -> set[FunctionDefinition]:
        """Functions that ask by a wrapper that their callers hand them, or the function around
        them; returns those that were followed with it."""
        followed: set[FunctionDefinition] = set()
        for definition, handed in list(self.entries.handed.items()):
            askers = {
                name: value
                for name, value in handed.items()
                if any(one.definition in found for one in functions_in(value))
            }
            inside = definition.module.functions.values() if askers else ()
            for one in inside:
                given = askers if one is definition else NOTHING_GIVEN
                called = plain_names_called(one) & askers.keys()
                if (one is not definition and one.outer is not definition) or not called:
                    continue
                if one not in found:
                    followed.add(one)
                    self.judged(one, found, given)
                if one in found and given:
                    found[one] = replace(found[one], askers=frozenset(called))
        return followed

    def add_those_that_hand_on(
        self, worth: list[FunctionDefinition], found: dict[FunctionDefinition, Wrapper]
    ) -> None:
        """Functions that hand what they are given to a wrapper and add nothing themselves, however
        much that adds; and who hands it to these."""
        pending = [one for one in worth if one in self.outcomes and one not in found]
        before = -1
        while len(found) > before:
            before = len(found)
            for definition in pending:
                wrapper = self.handing_on(definition, found)
                if wrapper is not None:
                    found[definition] = wrapper
            pending = [one for one in pending if one not in found]

    def handing_on(
        self, definition: FunctionDefinition, found: dict[FunctionDefinition, Wrapper]
    ) -> Wrapper | None:
        """The wrapper that a function is, but for what those `found` add through which it asks."""
        beside = wrappers.added_on_the_way(self.analysis, definition, self.outcomes, found)
        outcome = self.outcomes[definition]
        return (
            wrappers.wrapper_of(self.analysis, definition, *outcome, beside=beside)
            if beside
            else None
        )

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
        """A helper of a graph's node that is handed the state beside the prompt it sends, or asks
        what that holds as it is."""
        wrapper = wrappers.wrapper_of(self.analysis, definition, *outcome)
        if wrapper is None:
            return
        hands_on = wrappers.hands_on_as_it_is(self.analysis, definition, wrapper, outcome[1])
        if wrapper.parameters - {state} or hands_on:
            found[definition] = wrapper

    def add_those_asked_elsewhere(self, found: dict[FunctionDefinition, Wrapper]) -> None:
        """Functions that other modules call as one calls a model: those that ask one themselves,
        and those that ask only what they are given."""
        for definition, answered in self.findings.asked_elsewhere.items():
            is_stand_in = self.evaluator.wrapper_calls.is_stand_in(definition)
            if definition in found or definition not in self.outcomes or is_stand_in:
                continue
            self.add_wrapper(definition, found, asked=True)
            _, visits = self.outcomes[definition]
            if answered and not visits and definition.name != "__init__":
                found[definition] = Wrapper(tuple(sorted(answered)), frozenset())


def prepares(definition: FunctionDefinition) -> bool:
    """Whether a function leaves something that others ask: a constructor, or what begins a
    session."""
    return definition.name == "__init__" or definition.sets_session


def plain_names_called(definition: FunctionDefinition) -> set[str]:
    """The names that a function calls: `ask(text)`, but for what it decorates."""
    return {
        one.func.id
        for one in definition.calls
        if isinstance(one.func, ast.Name) and not calls_decorated(definition, one)
    }
