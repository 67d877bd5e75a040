"""Agents' own classes that run their members by methods: whom these run, in which order."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from charter_engine.parser.interpreting.frames import Frame
from charter_engine.parser.model_calls.findings import Site
from charter_engine.parser.model_calls.recognise import CallShape
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition
from charter_engine.parser.teams.courses import Course, course_of, methods_called
from charter_engine.parser.values.candidates import in_order, made_as, made_in
from charter_engine.parser.values.values import UNKNOWN, Box, Element, Function, Made, Value, moved

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis


class OwnCourse(NamedTuple):
    """The course of an object's method, and whom each of its runs may run."""

    course: Course
    agents: dict[ast.Call, list[Made]]


class OwnRuns:
    """Keeps whom methods of agents' classes run. `classes` are those of the objects that were
    made, `seen` what was seen to be run in a place."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.findings = analysis.findings
        self.evaluator = evaluator
        self.classes: dict[Made, ClassDefinition] = {}
        self.seen: dict[ast.Call, set[Made]] = {}
        self.running: dict[ClassDefinition, set[FunctionDefinition]] = {}

    def is_part(self, frame: Frame, node: ast.Call, shape: CallShape) -> bool:
        """Whether an agent's class, of which objects are made at hand, runs one of its members; who
        that is, is kept."""
        method = frame.function
        owner = method.owner if method is not None else None
        if method is None or owner is None or owner not in self.program.made_in:
            return False
        kinds = self.evaluator.names.base_kinds(owner)
        verbs = self.program.catalogue.family_of_verb
        if not kinds or not any(verbs(kind.name, shape.verb) for kind in kinds):
            return False
        if method not in self.running_in(owner):
            return False
        made = {kind for kind in in_order(shape.receiver) if isinstance(kind, Made)}
        self.seen.setdefault(node, set()).update(made)
        return True

    def running_in(self, owner: ClassDefinition) -> set[FunctionDefinition]:
        """The methods of a class that its framework runs, and those that they lead to."""
        known = self.running.get(owner)
        if known is None:
            methods = self.methods_of(owner)
            known = self.running[owner] = {
                one
                for name in self.entry_names(owner)
                if name in methods
                for one in methods_called(methods[name], methods)
            }
        return known

    def entry_names(self, owner: ClassDefinition) -> list[str]:
        kinds = self.evaluator.names.base_kinds(owner)
        rules = [self.program.catalogue.kinds[kind.name] for kind in kinds]
        return [name for rule in rules for name in rule.leads_in]

    def methods_of(self, owner: ClassDefinition) -> dict[str, FunctionDefinition]:
        """The methods that objects of a class have, by their names."""
        lineage = reversed(self.program.lineage(owner))
        return {name: method for one in lineage for name, method in one.methods.items()}

    def entry_of(self, made: Made) -> FunctionDefinition | None:
        """The method by which an agent of the program's own answers, where it asks by itself."""
        owner = self.classes.get(made)
        methods = self.methods_of(owner) if owner is not None else {}
        names = self.program.catalogue.kinds[made.kind].asks_in
        return next((methods[name] for name in names if name in methods), None)

    def site_of(self, made: Made) -> Site | None:
        """The call by which such an agent answers: the last that it comes to."""
        entry, owner = self.entry_of(made), self.classes.get(made)
        if entry is None or owner is None:
            return None
        functions = methods_called(entry, self.methods_of(owner))
        sites = [site for site in self.findings.sites.values() if site.function in functions]
        return max(sites, key=lambda site: site.node.lineno, default=None)

    def follow(self, frame: Frame, receiver: Value, shape: CallShape) -> Value | None:
        """`agent.run(task=…)` of such an agent: its method is given the task; None for any other
        call."""
        if shape.verb not in ("run", "run_stream"):
            return None
        for made in made_as(receiver):
            entry = self.entry_of(made)
            if entry is None or len(entry.parameters) < 2:
                continue
            task = shape.argument(0, "task")
            messages = Value(box=Box("list", [Element(task)] if task is not None else []))
            function = Function(entry, receiver)
            given = {entry.parameters[1]: messages}
            answer = self.evaluator.follower.enter(frame, function, given)
            return moved(answer, "return") if answer is not None else UNKNOWN
        return None

    def of(self, made: Made) -> OwnCourse | None:
        """The course of an object; None where it has none, or it isn't known whom it runs."""
        found = self.course(made)
        return found if found is not None and all(found.agents.values()) else None

    def unseen(self, made: Made) -> list[ast.expr]:
        """Who is run by an object's course and not at hand, as it is written."""
        found = self.course(made)
        runs = found.agents.items() if found is not None else ()
        missing = [run.func for run, agents in runs if not agents]
        return [function.value for function in missing if isinstance(function, ast.Attribute)]

    def course(self, made: Made) -> OwnCourse | None:
        owner = self.classes.get(made)
        methods = self.methods_of(owner) if owner is not None else {}
        names = self.entry_names(owner) if owner is not None else []
        entry = next((methods[name] for name in names if name in methods), None)
        course = course_of(entry, methods, self.seen.__contains__) if entry is not None else None
        if course is None or not course.runs:
            return None
        agents = {run: members_among(made, self.seen[run]) for run in course.runs}
        return OwnCourse(course, agents)


def members_among(made: Made, seen: set[Made]) -> list[Made]:
    """Those of an object's agents that were seen to be run, as a list of its holds them, or else in
    the order in which it was given them."""
    given = [[*dict.fromkeys(made_in(value))] for value in made.box.fields.values()]
    listed = [agents for agents in given if len(agents) > 1 and seen <= set(agents)]
    held = listed[0] if listed else dict.fromkeys(one for agents in given for one in agents)
    return [one for one in held if one in seen]
