"""Steps of a workflow that are functions of the program's own: each is given what the step before
it answered, and what it returns reaches the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.findings import HeardAnswer
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.teams.team_parts import NOBODY, Part, name_of
from charter_engine.parser.values.candidates import in_order, made_in, members_in
from charter_engine.parser.values.containers import item
from charter_engine.parser.values.joining import join
from charter_engine.parser.values.origins import Chain, Origin
from charter_engine.parser.values.pieces import static
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Function,
    Instance,
    Made,
    Type,
    Value,
    answers_in,
)

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.teams.speakers import Team
    from charter_engine.parser.teams.teams import TeamBuilder


WORKFLOW = "agno.workflow"
EXECUTOR = "executor"
WHOLE = "execution_input"
"""What the parameter is called of a function that is all of a workflow, and is given its input."""

CONTENT = static("content")
BEFORE = "previous_step_content"
ANSWERS = "previous_step_outputs"
ASKED_BY_NAME = frozenset(("get_step_content", "get_step_output"))
"""Methods of what a step is given that tell what the step of a name answered."""

SIDE_BY_SIDE = frozenset(("agno.parallel", "agno.condition", "agno.router"))
"""Kinds whose members are all given what stands before them, and not what another of them
answers."""


def in_steps(builder: TeamBuilder, made: Made, _: list[Made]) -> Part:
    """Agents that are given what the step before them answered; what a function returns is told
    when it is run."""
    parts: list[Part] = []
    before: tuple[Made, Part] | None = None
    for value in steps_of(made):
        part = NOBODY if function_of(value) is not None else part_of(builder, value)
        own = next(made_in(value), made)
        if part.first and before is not None:
            builder.give(*before, part)
        before = (own, part) if part.first else before if function_of(value) is None else None
        parts += [part] if part.first else []
    return Part(parts[0].first, parts[-1].last) if parts else builder.parts[made]


def part_of(builder: TeamBuilder, step: Value) -> Part:
    found = [builder.part(builder.made_last(one)) for one in made_in(step)]
    return found[0] if found else NOBODY


def steps_of(made: Made) -> list[Value]:
    """What a workflow, or a part of one, is made of, in its order."""
    fields = made.box.fields
    named = [fields[name] for name in ("steps", "else_steps", "choices") if name in fields]
    placed = [value for name, value in fields.items() if name.isdigit()]
    return [step for value in (*named, *placed) for step in members_in(value)]


def function_of(step: Value) -> Function | None:
    """The function that a step is: itself, or as what executes it."""
    executors = [one.box.fields.get(EXECUTOR, UNKNOWN) for one in made_in(step)]
    kinds = [kind for value in (step, *executors) for kind in in_order(value.types)]
    return next((found for kind in kinds if (found := as_function(kind)) is not None), None)


def as_function(kind: Type) -> Function | None:
    """A function, or the method by which an object is called."""
    if isinstance(kind, Instance) and "__call__" in kind.definition.methods:
        method = kind.definition.methods["__call__"]
        return Function(method, Value(types=frozenset((kind,))))
    return kind if isinstance(kind, Function) else None


def has_functions(made: Made) -> bool:
    """Whether functions are steps of a workflow, or of a part of it."""
    steps = steps_of(made)
    if any(function_of(step) is not None for step in steps):
        return True
    return any(has_functions(one) for step in steps for one in made_in(step) if one != made)


class WorkflowSteps:
    """Runs the functions of one workflow, with what the agents before them answer.

    `team` are the agents of the run, each with its `chains`; `given` is what the run is given.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        frame: Frame,
        team: Team,
        chains: dict[Made, Chain],
        given: Value,
    ) -> None:
        self.evaluator = evaluator
        self.frame = frame
        self.team = team
        self.chains = chains
        self.given = given
        self.answers = Box("dict")

    def run(self, made: Made) -> Value:
        """What the last step answers."""
        before, self.frame.chain = self.frame.chain, ()
        answer = self.walk(made, UNKNOWN, is_after_function=False)[0]
        self.frame.chain = before
        return answer

    def walk(self, made: Made, before: Value, *, is_after_function: bool) -> tuple[Value, bool]:
        """What the steps of a part answer, and whether a function gives that."""
        found: list[tuple[Value, bool]] = []
        current = before, is_after_function
        for step in steps_of(made):
            answer = self.step(step, *current)
            found.append(answer)
            if made.kind not in SIDE_BY_SIDE:
                current = answer
        if made.kind not in SIDE_BY_SIDE or not found:
            return current
        whole = found[0][0]
        for other, _ in found[1:]:
            whole = join(whole, other, BEFORE)
        return whole, any(is_function for _, is_function in found)

    def step(self, step: Value, before: Value, is_after_function: bool) -> tuple[Value, bool]:
        function = function_of(step)
        own = next(made_in(step), None)
        name = name_of(own) if own is not None else ""
        if function is not None:
            answer = self.called(function, before)
            is_function = True
        elif own is not None and steps_of(own):
            answer, is_function = self.walk(own, before, is_after_function=is_after_function)
        elif own is not None:
            answer, is_function = self.asked(own, before, is_after_function), False
        else:
            return before, is_after_function
        named = name or (function.definition.name if function is not None else "")
        self.answers.fields[named] = answer
        return answer, is_function

    def called(self, function: Function, before: Value) -> Value:
        """What a function returns as the content of its step."""
        names = function.definition.parameters[1 if function.definition.takes_self else 0 :]
        names = (WHOLE,) if WHOLE in names else names[:1]
        fields = {"input": self.given, "message": self.given, BEFORE: before}
        fields[ANSWERS] = Value(box=self.answers)
        given = dict.fromkeys(names, Value(box=Box("object", fields=fields)))
        result = self.evaluator.follower.enter(self.frame, function, given) or UNKNOWN
        return item(result, CONTENT) if result.box is not None else result

    def asked(self, made: Made, before: Value, is_after_function: bool) -> Value:
        """What an agent answers, that is told what a function before it returned."""
        part = self.team.parts.get(made, NOBODY)
        for speaker in part.first if is_after_function else ():
            self.tell(speaker, before)
        chains = [self.chains[one] for one in part.last if one in self.chains]
        return Value(origins=frozenset(Origin(chain) for chain in chains))

    def tell(self, speaker: Made, said: Value) -> None:
        runs = self.evaluator.team_runs
        site = runs.findings.sites[self.chains[speaker][0][0]]
        for source in sorted(answers_in(said) - {site.number}):
            name = runs.findings.sites[source].output or "answer"
            runs.hear(site, HeardAnswer(source, "data", "assistant", name, again=False))


def answer_named(receiver: Value, shape: CallShape) -> Value | None:
    """`step_input.get_step_content("plan")`; None for any other call."""
    if shape.verb not in ASKED_BY_NAME or receiver.box is None or not shape.positional:
        return None
    answers = receiver.box.fields.get(ANSWERS)
    return item(answers, shape.positional[0][1]) if answers is not None else None
