"""Which functions may lead to a model call, judged by the names they call: the others need not be
followed far."""

from __future__ import annotations

import ast
import builtins
import sys
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

from charter_engine.parser.flows.ways import led_to
from charter_engine.parser.model_calls.asking_names import (
    asking_words,
    is_model_class,
    names_writer,
    says_otherwise,
)
from charter_engine.parser.model_calls.catalogue import COMMON_VERBS, Catalogue
from charter_engine.parser.model_calls.recognise import names_in, names_model
from charter_engine.parser.model_calls.run_commands import may_run_one
from charter_engine.parser.source.called_names import calls_named
from charter_engine.parser.source.function_tables import looked_up_in, tables_holding
from charter_engine.parser.source.symbols import FunctionDefinition, Module, dotted_name, walk
from charter_engine.parser.source.syntax import annotation_names, last_name, output_name
from charter_engine.parser.workflows.handlers import POSTING, is_handler
from charter_engine.parser.workflows.named_activities import NamedActivities


class CallNames:
    """Who calls what in some modules, by bare names: too many rather than too few."""

    def __init__(
        self,
        modules: Collection[Module],
        catalogue: Catalogue,
        prompts: Collection[FunctionDefinition] = (),
        activities: NamedActivities | None = None,
    ) -> None:
        self.tables = tables_holding(modules)
        self.named = {
            definition: names_in_calls(definition)
            for module in modules
            for definition in module.functions.values()
            if not isinstance(definition.node, ast.Lambda)
            or (definition.outer is None and definition.name in self.tables)
        }
        self.held_lambdas = [one for one in self.named if isinstance(one.node, ast.Lambda)]
        if activities is not None:
            self.add_activities(activities)
        own_names = {definition.name for definition in self.named}
        in_order = sorted(own_names)
        for definition, names in self.named.items():
            begun = named_by_text(definition)
            if begun:
                meant = {name for first in begun for name in beginning_with(first, in_order)}
                self.named[definition] = Named((*names.called, *meant), names.given)
            if calls_local(definition, own_names):
                held = own_names & names_held(definition)
                self.named[definition] = Named(self.named[definition].called, (*names.given, *held))
        handlers = tuple(one.name for one in self.named if is_handler(one))
        for definition, names in self.named.items() if handlers else ():
            if not POSTING.isdisjoint(names.called):
                self.named[definition] = Named((*names.called, *handlers), names.given)
        self.instances = names_of_instances(modules)
        self.note_tables(own_names)
        self.asking = asking_names(self.named, modules, catalogue)
        self.given_model = {
            definition
            for definition in self.named
            if is_given_model(definition, catalogue) or sends_request(definition, catalogue)
        } | {*prompts}
        self.users: dict[str, list[FunctionDefinition]] = {}
        for definition, names in self.named.items():
            for name in {*names.called, *names.given}:
                self.users.setdefault(name, []).append(definition)

    def add_activities(self, activities: NamedActivities) -> None:
        """Let functions call what they run by the names of activities."""
        for definition, names in self.named.items():
            run = activities.named_in(definition)
            if run:
                self.named[definition] = Named((*names.called, *run), names.given)

    def note_tables(self, own_names: set[str]) -> None:
        """Let those that call what has no name at hand be users of the tables that they name."""
        tables = {name for names in self.tables.values() for name in names} - {""}
        for definition, names in self.named.items() if tables else ():
            imports = definition.module.imports
            if any(name not in own_names and name not in imports for name in names.called):
                looked_up = looked_up_in(definition, tables)
                self.named[definition] = Named(names.called, (*names.given, *looked_up))

    def that_may_ask(self) -> set[FunctionDefinition]:
        """Functions that call something asking, or a function that does."""
        return self.leading_to(self.given_model, self.asking)

    def that_may_ask_themselves(self) -> set[FunctionDefinition]:
        """Functions that are given a model, or call or hand on something asking."""
        users = {user for name in self.asking for user in self.users.get(name, ())}
        return self.given_model | users

    def lambdas_that_may_ask(
        self,
        modules: Iterable[Module],
        reaching: Iterable[FunctionDefinition],
        catalogue: Catalogue,
    ) -> list[FunctionDefinition]:
        """The lambdas that call something asking, or a function that does."""
        asking = self.asking | {one.name for one in reaching}
        return [
            definition
            for module in modules
            for definition in module.functions.values()
            if isinstance(definition.node, ast.Lambda)
            for names in (names_in_calls(definition),)
            if not asking.isdisjoint((*names.called, *names.given))
            or any(may_ask(name, catalogue) for name in names.called)
        ]

    def leading_to(
        self,
        functions: Iterable[FunctionDefinition],
        names: Iterable[str] = (),
        hops: int | None = None,
    ) -> set[FunctionDefinition]:
        """The functions, those that call or hand on one of them or of the names, and so on, at most
        so many `hops` away."""
        reached = set(functions)
        known: set[str] = set()
        fresh = self.names_of(reached).union(names)
        while fresh and hops != 0:
            users = {user for name in fresh for user in self.users.get(name, ())} - reached
            reached |= users
            known |= fresh
            fresh = self.names_of(users) - known
            hops = None if hops is None else hops - 1
        return reached

    def names_of(self, functions: Iterable[FunctionDefinition]) -> set[str]:
        """The names by which functions are called."""
        return {
            name
            for one in functions
            for name in (*names_for(one, self.instances), *self.tables.get(one.name, ()))
        }


CALLED = "__call__"
"""The method by which an object is called, also by its own methods: `self(text)`."""

MEMBER = "[]"
"""The name by which a member of a list or dict is called: `agents["plan"](text)`."""


class Named(NamedTuple):
    """The last names of what a function calls, and of what it calls that on or hands on."""

    called: tuple[str, ...]
    given: tuple[str, ...]


NO_NAMES = Named((), ())


def names_in_calls(definition: FunctionDefinition) -> Named:
    called: set[str] = set()
    given: set[str] = set()
    imports = definition.module.imports
    for node in definition.calls:
        target = node.func
        if isinstance(target, ast.Attribute) and not is_pythons_own(target, imports):
            called.add(target.attr)
            given.update(names_in(target.value))
        elif isinstance(target, ast.Name):
            called.add(CALLED if target.id == definition.own_name else target.id)
        elif isinstance(target, ast.Call):
            called.add(last_name(target.func))
        elif isinstance(target, ast.Subscript):
            called.add(MEMBER)
        handed = [*node.args, *(item.value for item in node.keywords)]
        for item in handed:
            if isinstance(item, ast.Name | ast.Attribute):
                given.update(names_in(item))
    return Named(tuple(called), tuple(given))


def beginning_with(first: str, names: Sequence[str]) -> Iterator[str]:
    """Those of some names, which are in order, that begin so."""
    found = (names[number] for number in range(bisect_left(names, first), len(names)))
    return takewhile(lambda name: name.startswith(first), found)


REFLECTING = frozenset(("getattr",))
NO_WORDS: frozenset[str] = frozenset()


def named_by_text(definition: FunctionDefinition) -> tuple[str, ...]:
    """How the names of methods begin that a function looks up: `getattr(self, f"ask_{kind}")`."""
    found: list[str] = []
    for node in calls_named(definition, REFLECTING):
        if not isinstance(node.func, ast.Name) or len(node.args) < 2:
            continue
        name = node.args[1]
        first = name.values[0] if isinstance(name, ast.JoinedStr) and name.values else name
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value:
            found.append(first.value)
    return tuple(found)


def calls_local(definition: FunctionDefinition, own_names: Collection[str]) -> bool:
    """Whether a function calls what only a name of its own stands for: `for ask in (self.first,
    self.second): ask(text)`."""
    known = (definition.module.imports, own_names, PYTHONS_OWN, definition.parameters)
    called = (node.func.id for node in definition.calls if isinstance(node.func, ast.Name))
    return any(all(name not in names for names in known) for name in called)


def names_held(definition: FunctionDefinition) -> set[str]:
    """The last names of what a function puts into lists, tuples and dicts, or chooses between."""
    members = (
        member
        for node in walk(definition.node)
        if isinstance(node, ast.List | ast.Tuple | ast.Dict | ast.IfExp)
        for member in ast.iter_child_nodes(node)
    )
    return {last_name(one) for one in members if isinstance(one, ast.Name | ast.Attribute)}


PYTHONS_OWN = frozenset(dir(builtins))


def is_pythons_own(target: ast.Attribute, imports: Mapping[str, str]) -> bool:
    """Whether a function belongs to a module that comes with Python and sends no requests:
    `asyncio.run`."""
    first = dotted_name(target).partition(".")[0]
    module = imports.get(first, "").partition(".")[0]
    return module in sys.stdlib_module_names and module != "urllib"


def asking_names(
    named: dict[FunctionDefinition, Named], modules: Iterable[Module], catalogue: Catalogue
) -> set[str]:
    """The names that may ask a model where they are called, called on or handed on."""
    own_names = {definition.name for definition in named}
    called = {name for names in named.values() for name in names.called}
    given = {name for names in named.values() for name in names.given}
    found = {name for name in called if may_ask(name, catalogue)}
    found |= {
        name
        for name in given
        if name in catalogue.verbs or (name not in own_names and names_model(name, catalogue))
    }
    listed = list(modules)
    for module in listed:
        found |= names_of_models(module, catalogue)
    return found | names_of_agents(listed, catalogue)


def names_for(definition: FunctionDefinition, instances: dict[str, set[str]]) -> set[str]:
    """The names by which a function is called: its own, its class's for a constructor, those of
    objects for what makes them callable."""
    if definition.owner is not None and definition.name == "__init__":
        return {definition.name, definition.owner.name}
    if definition.owner is not None and definition.name in (CALLED, "forward"):
        return {definition.name, *instances.get(definition.owner.name, ())}
    return {definition.name}


def is_given_model(definition: FunctionDefinition, catalogue: Catalogue) -> bool:
    """Whether a parameter is a model by its annotation."""
    spec = definition.node.args
    for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs):
        if arg.annotation is None:
            continue
        for name, dotted in annotation_names(arg.annotation, definition.module.imports):
            kind = catalogue.kind_of_annotation(name.rpartition(".")[2], dotted)
            if (kind and catalogue.is_model(kind)) or is_model_class(dotted, catalogue):
                return True
    return False


def sends_request(definition: FunctionDefinition, catalogue: Catalogue) -> bool:
    """Whether a function calls something with a model and a prompt by the names that SDKs use, or
    runs a command that asks."""
    words = catalogue.evidence
    for node in definition.calls:
        given = {keyword.arg for keyword in node.keywords} if node.keywords else NO_WORDS
        if given & words.request_models and given & words.request_prompts:
            return True
    return may_run_one(definition)


def names_of_models(module: Module, catalogue: Catalogue) -> set[str]:
    """The names that a module gives what it makes of a model's constructor, or of what was made so;
    of a constructor whose result is called at once, or that makes a server of agents, its own; and
    those of functions that ask."""
    found: set[str] = set()
    for node in module.calls:
        if last_name(node.func) in catalogue.kept_and_called:
            found.add(output_name(module.parents, node) or "")
        written = dotted_name(node.func)
        if last_name(node.func) in COMMON_VERBS and catalogue.family_of_path(
            tuple(written.split("."))
        ):
            found.add(last_name(node.func))
        first, _, rest = written.partition(".")
        if first not in module.imports:
            continue
        dotted = f"{module.imports[first]}.{rest}" if rest else module.imports[first]
        if catalogue.family_of_function(dotted) is not None:
            found.add(last_name(node.func))
        kind = catalogue.kind_of_constructor(dotted)
        is_made = dotted.endswith(".from_llm") or is_model_class(dotted, catalogue)
        is_model = catalogue.is_model(kind) if kind else is_made
        if kind and catalogue.family_called(kind):
            found.add(MEMBER)
        if kind and catalogue.kinds[kind].serves:
            found.add(last_name(node.func))
        name = output_name(module.parents, node) if is_model else None
        if name is not None:
            found.add(name)
        elif is_model and isinstance(module.parents.get(node), ast.Call):
            found.add(last_name(node.func))
    return found - {""}


def names_of_agents(modules: Collection[Module], catalogue: Catalogue) -> set[str]:
    """The names of classes whose objects are called as a framework's agents are, being made from
    one, and of these objects."""
    classes = {
        defined.name
        for module in modules
        for defined in module.classes.values()
        for base in defined.bases
        if (kind := catalogue.kind_of_constructor(module.imports.get(base, base)))
        and catalogue.family_called(kind)
    }
    made = (
        output_name(module.parents, node) or ""
        for module in (modules if classes else ())
        for node in module.calls
        if last_name(node.func) in classes
    )
    return (classes | {*made}) - {""}


def names_of_instances(modules: Iterable[Module]) -> dict[str, set[str]]:
    """The names that objects of a class, or of a class made from it, are given, by the class, also
    as parameters."""
    listed = list(modules)
    found: dict[str, set[str]] = {}
    bases: dict[str, set[str]] = {}
    for module in listed:
        for defined in module.classes.values():
            bases.setdefault(defined.name, set()).update(
                base.rpartition(".")[2] for base in defined.bases
            )
        for node in module.calls:
            made = last_name(node.func)
            name = output_name(module.parents, node) if made[:1].isupper() else None
            if name is not None:
                found.setdefault(made, set()).add(name)
    for made in list(found):
        for base in led_to(bases, made) - {made}:
            found.setdefault(base, set()).update(found[made])
    declared = names_declared(listed, bases)
    for made in bases if declared else ():
        for base in {made, *led_to(bases, made)} & declared.keys():
            found.setdefault(made, set()).update(declared[base])
    return found


def names_declared(modules: Iterable[Module], classes: Collection[str]) -> dict[str, set[str]]:
    """The names of the parameters that are objects of a class by their annotation, by the class."""
    found: dict[str, set[str]] = {}
    for module in modules:
        for definition in module.functions.values():
            spec = definition.node.args
            for arg in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs):
                for name, _ in annotation_names(arg.annotation, {}) if arg.annotation else ():
                    if name.rpartition(".")[2] in classes:
                        found.setdefault(name.rpartition(".")[2], set()).add(arg.arg)
    return found


def may_ask(name: str, catalogue: Catalogue) -> bool:
    """Whether a function of that name may be one that asks a model."""
    evidence = catalogue.evidence
    if name in catalogue.verbs or names_writer(name, evidence):
        return True
    words = asking_words(name)
    speaks = not (evidence.function_strong | evidence.function_weak).isdisjoint(words)
    if not speaks or name[:1].isupper():
        return False
    return not says_otherwise(words, evidence)
