"""The sources of one analysis, and what can be told of them without interpreting."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from collections.abc import Set as AbstractSet
from functools import cached_property, partial
from pathlib import PurePath

from charter_engine.parser.flows.fanout import gathers
from charter_engine.parser.flows.routines import routines_among
from charter_engine.parser.graphs.forks import ALWAYS, forked
from charter_engine.parser.graphs.graph_declarations import graph_of
from charter_engine.parser.interpreting.idle import Idle, idle
from charter_engine.parser.interpreting.reach import CallNames
from charter_engine.parser.model_calls.catalogue import Catalogue
from charter_engine.parser.model_calls.decorated import prompts_among
from charter_engine.parser.model_calls.recognise import words_of
from charter_engine.parser.prompts.prompt_files import TextFiles
from charter_engine.parser.source.called_names import names_called
from charter_engine.parser.source.clusters import names_by_place
from charter_engine.parser.source.compact import of_kinds
from charter_engine.parser.source.import_order import in_turn
from charter_engine.parser.source.made_places import places_among
from charter_engine.parser.source.neighbours import all_beside
from charter_engine.parser.source.symbols import ClassDefinition, FunctionDefinition, Module, walk
from charter_engine.parser.source.syntax import last_name, path_of
from charter_engine.parser.teams.watched_roles import roles_of
from charter_engine.parser.workflows.executors import linked_by, links_between, spread_executors
from charter_engine.parser.workflows.handlers import handler_graph, handler_node, spread_handlers
from charter_engine.parser.workflows.named_activities import NamedActivities
from charter_engine.parser.workflows.node_flows import flows_of


class Program:
    """The modules that are analysed together, by dotted name, the catalogue they are read with, and
    the files beside them.

    `in_turn` are the modules in the order in which Python runs them. `reaching` are the functions
    that may lead to a model; `cycles` the groups of functions that a declared state graph, or
    handlers that call for each other, go round in; `leads` are the functions that each may lead to
    in a state graph, `handled_after` those that a handler may lead to; `enclosing` are those that
    others stand in, `properties` the names of those that are followed where an attribute is read,
    `recursive` those that may call themselves, `gathering` those that wait for several things
    together, themselves or by another. `spread` are handlers that run side by side, `forked` the
    functions of a state graph that run beside others, with what is known of the state wherever
    they do. `made_in` tells in how many places objects
    are made of a class whose objects are told apart, `made_once` are all that are made in one place
    alone, `makers` make another object for each that calls them, and `linked` are the executors
    that edges of a workflow link. `asking_lambdas` may ask a model. `prompts` are the functions
    that decorators make prompts, with what makes them so. `roles` are those that watch each other.
    """

    def __init__(self, modules: dict[str, Module], catalogue: Catalogue, files: TextFiles) -> None:
        self.modules = modules
        self.files = files
        self.catalogue = catalogue
        self.by_place = modules_by_place(modules.values(), catalogue)
        self.by_path = {module.path: module for module in modules.values()}
        self.beside = all_beside(modules, catalogue)
        self.in_turn = in_turn(modules.values(), self.module_of)
        definitions = [one for module in modules.values() for one in module.functions.values()]
        self.enclosing = {one.outer for one in definitions}
        self.properties = {one.name for one in definitions if one.is_property}
        self.followed = self.properties | catalogue.verbs
        self.recursive = {one for one in definitions if calls_itself(one)}
        helpers = frozenset(one.name for one in definitions if gathers(one))
        self.gathering = {one for one in definitions if gathers(one, helpers)}
        self.lineages: dict[ClassDefinition, list[ClassDefinition]] = {}
        self.implemented: dict[
            tuple[ClassDefinition, FunctionDefinition],
            dict[ClassDefinition, list[FunctionDefinition]],
        ] = {}
        self.graph = graph_of(modules.values(), self.class_named, self.module_meant, self.method_of)
        links = list(links_between(modules.values()))
        self.linked = linked_by(links)
        self.roles = roles_of(modules.values(), self.class_named, self.method_of)
        self.handlers = handler_graph(modules.values(), self.linked, self.roles)
        self.spread = spread_handlers(modules.values()) if self.handlers is not None else set()
        self.cycles = {
            group
            for graph in (self.graph, self.handlers)
            if graph is not None
            for group in graph.cyclic()
        }
        self.forked = forked(self.graph, modules.values()) if self.graph is not None else {}
        self.forked |= dict.fromkeys(spread_executors(modules.values(), links), ALWAYS)
        self.leads = self.graph.leads() if self.graph is not None else {}
        self.handled_after = self.handlers.leads() if self.handlers is not None else {}
        self.flows = flows_of(modules.values(), self.class_named)
        self.prompts = prompts_among(modules, catalogue)
        self.activities = NamedActivities(modules.values())
        self.call_names = CallNames(
            list(modules.values()), catalogue, self.prompts.keys(), self.activities
        )
        self.reaching = self.call_names.that_may_ask()
        self.asking_lambdas = self.call_names.lambdas_that_may_ask(
            modules.values(), self.reaching, catalogue
        )
        may_be_asking = partial(may_ask, reaching=self.reaching)
        places = places_among(modules.values(), definitions, may_be_asking)
        self.made_in, self.made_once, self.makers = places.apart, places.once, places.makers
        self.agents = {definition.name for definition in places.asking}
        self.factories = {one.name for one in definitions if self.makes_agent(one)}
        self.asking: set[ClassDefinition] | None = None
        self.derived: dict[ClassDefinition, list[ClassDefinition]] | None = None
        self.aliases: dict[str, dict[str, ast.expr]] = {}
        self.records: dict[ClassDefinition, bool] = {}
        self.making: dict[int, bool] = {}
        self.loop_numbers: dict[int, int] = {}
        self.packages: dict[str, Module | None] = {}
        self.sources: dict[int, str] = {}
        self.paths: dict[int, tuple[str, ...]] = {}
        self.idle: dict[int, Idle | None] = {}
        self.kinds_of_idle: dict[Idle | None, Idle | None] = {}

    def line_of(self, function: str) -> int:
        """Where a node of a graph, or a handler, is declared; 0: nowhere."""
        graphs = [graph for graph in (self.graph, self.handlers) if graph is not None]
        return next(filter(None, (graph.line_of(function) for graph in graphs)), 0)

    def module_named(self, dotted: str) -> Module | None:
        """A module by its dotted name, counted from the sources' folder or from any folder above a
        module."""
        return self.modules.get(dotted) or self.by_place.get(dotted)

    def module_meant(self, module: Module, dotted: str) -> Module | None:
        """The module at hand that another one means by a dotted name."""
        return self.module_named(self.imported_by(module, dotted))

    def package_of(self, module: Module) -> Module | None:
        """The module that is run when the package is imported that a module stands in."""
        if module.path not in self.packages:
            beside = str(PurePath(module.path).with_name("__init__.py"))
            self.packages[module.path] = self.by_path.get(beside)
        found = self.packages[module.path]
        return None if found is module else found

    def module_of(self, module: Module, dotted: str) -> Module | None:
        """The module at hand that a module means by a dotted name, or has it from."""
        meant = self.imported_by(module, dotted)
        return self.module_named(meant) or self.module_named(meant.rpartition(".")[0])

    def stands_between(self, definition: FunctionDefinition) -> bool:
        """Whether a function is a handler, a step or part of a node that a framework runs among
        others: what these answered may go on through it."""
        handlers = self.handlers.functions if self.handlers is not None else {}
        return handler_node(definition) in handlers or bool(self.flows.part_of(definition))

    def class_named(
        self, module: Module, name: str, seen: frozenset[str] = frozenset()
    ) -> ClassDefinition | None:
        """The class at hand that a module means by a name: its own, or one that it imports."""
        own = next((item for item in module.classes.values() if item.qualname == name), None)
        if own is not None or module.path in seen:
            return own
        first, _, rest = name.partition(".")
        if first in module.imports:
            meant = self.imported_by(module, module.imports[first])
            base, _, last = f"{meant}.{rest}".rstrip(".").rpartition(".")
            sources = [(self.module_named(base), last)]
        else:
            sources = [(self.module_meant(module, base), name) for base in module.star_imports]
        found = (
            self.class_named(source, last, seen | {module.path})
            for source, last in sources
            if source is not None
        )
        return next(filter(None, found), None)

    def alias_of(
        self, module: Module, name: str, seen: frozenset[str] = frozenset()
    ) -> tuple[ast.expr, Module] | None:
        """What a name stands for that a module at hand gave an annotation, and that module."""
        if module.path not in self.aliases:
            self.aliases[module.path] = dict(aliases_in(module))
        own = self.aliases[module.path].get(name)
        if own is not None:
            return own, module
        if name not in module.imports or module.path in seen:
            return None
        base, _, last = self.imported_by(module, module.imports[name]).rpartition(".")
        source = self.module_named(base)
        return self.alias_of(source, last, seen | {module.path}) if source is not None else None

    def is_record(self, definition: ClassDefinition) -> bool:
        """Whether objects of a class only hold what its constructor is given: neither the class nor
        a base has methods that do more."""
        known = self.records.get(definition)
        if known is None:
            known = all(owner.is_record for owner in self.lineage(definition))
            self.records[definition] = known
        return known

    def may_ask(self, definition: ClassDefinition) -> bool:
        """Whether a method of a class, or of one that has it as a base, may lead to a model."""
        if self.asking is None:
            self.asking = {
                base
                for module in self.modules.values()
                for owner in module.classes.values()
                if not self.reaching.isdisjoint(owner.methods.values())
                for base in self.lineage(owner)
            }
        return definition in self.asking

    @cached_property
    def by_words(self) -> dict[tuple[str, ...], list[ClassDefinition]]:
        """The classes at hand by the words of their names."""
        found: dict[tuple[str, ...], list[ClassDefinition]] = {}
        for module in self.modules.values():
            for owner in module.classes.values():
                found.setdefault(words_of(owner.name), []).append(owner)
        return found

    def named_after(self, parameter: str) -> ClassDefinition | None:
        """The class of which a parameter that says nothing else of itself holds an object by its
        name: the only one at hand with these words, several (`chat_helper`, `ChatHelper`), if it
        may lead to a model."""
        words = words_of(parameter)
        named = self.by_words.get(words, []) if len(words) > 1 else []
        return named[0] if len(named) == 1 and self.may_ask(named[0]) else None

    def made_from(self, definition: ClassDefinition) -> list[ClassDefinition]:
        """The classes at hand that have a class as a base, or as one of their bases' bases, those
        first that are nearest to it."""
        if self.derived is None:
            self.derived = {}
            for module in self.modules.values():
                for owner in module.classes.values():
                    for base in self.lineage(owner)[1:]:
                        self.derived.setdefault(base, []).append(owner)
        found = self.derived.get(definition, [])
        return sorted(found, key=lambda owner: self.lineage(owner).index(definition))

    def lineage(self, definition: ClassDefinition) -> list[ClassDefinition]:
        """A class and its bases at hand, nearest first."""
        known = self.lineages.get(definition)
        if known is None:
            known = [definition]
            for owner in known:
                known += [base for base in self.bases_of(owner) if base not in known]
            self.lineages[definition] = known
        return known

    def method_of(self, definition: ClassDefinition, name: str) -> FunctionDefinition | None:
        """The method that objects of a class have by a name, of the class or the nearest base."""
        owners = (owner for owner in self.lineage(definition) if name in owner.methods)
        return next((owner.methods[name] for owner in owners), None)

    def is_whole(self, definition: ClassDefinition) -> bool:
        """Whether all that objects of a class have is at hand: its bases are, and none of its
        attributes is made up as it is asked for."""
        lineage = self.lineage(definition)
        named = {base.rpartition(".")[2] for owner in lineage for base in owner.bases}
        is_closed = named <= {owner.name for owner in lineage} | EMPTY_BASES
        return is_closed and self.method_of(definition, "__getattr__") is None

    def bases_of(self, definition: ClassDefinition) -> list[ClassDefinition]:
        """The classes at hand that a class names as its bases, and the protocols that it fulfils by
        its methods."""
        named = [self.class_named(definition.module, name) for name in definition.bases]
        bases = [base for base in named if base is not None]
        if not self.protocols or definition in self.protocols:
            return bases
        methods = definition.methods.keys() | {name for base in bases for name in base.methods}
        return bases + [
            protocol
            for protocol in self.protocols
            if protocol not in bases and protocol.methods.keys() <= methods
        ]

    @cached_property
    def protocols(self) -> list[ClassDefinition]:
        """The classes at hand that only declare what others do without naming them."""
        return [
            owner
            for module in self.modules.values()
            for owner in module.classes.values()
            if any(base.rpartition(".")[2] == "Protocol" for base in owner.bases)
            and owner.methods
            and all(method.is_abstract for method in owner.methods.values())
        ]

    def implementing(
        self, definition: ClassDefinition, method: FunctionDefinition
    ) -> dict[ClassDefinition, list[FunctionDefinition]]:
        """The classes that do what a class leaves open when a method of it is called, with the
        methods by which they do it; one of several that do it by the same methods.

        What the class only declares, another does by its own method of that name. What it does by
        several that it only declares and that may ask a model, another does by these.
        """
        known = self.implemented.get((definition, method))
        if known is None:
            by_methods: dict[tuple[FunctionDefinition, ...], ClassDefinition] = {}
            for one in self.made_from(definition) if self.may_ask(definition) else ():
                steps = tuple(self.steps_left_to(one, definition, method))
                if steps and (method.is_abstract or len(steps) > 1):
                    by_methods.setdefault(steps, one)
            known = {one: list(steps) for steps, one in by_methods.items()}
            self.implemented[definition, method] = known
        return known

    def steps_left_to(
        self, derived: ClassDefinition, definition: ClassDefinition, method: FunctionDefinition
    ) -> list[FunctionDefinition]:
        """The methods of a derived class for what a class only declares: the method itself, or
        those that it calls."""
        own = self.method_of(derived, method.name)
        if method.is_abstract:
            return [own] if own is not None and not own.is_abstract else []
        if own is not method:
            return []
        called = sorted(names_called(method))
        found = [
            self.method_of(derived, name) for name in called if self.declares(definition, name)
        ]
        return [one for one in found if one in self.reaching and not one.is_abstract]

    def declares(self, definition: ClassDefinition, name: str) -> bool:
        """Whether a class only declares a method."""
        method = self.method_of(definition, name)
        return method is not None and method.is_abstract

    def imported_by(self, module: Module, dotted: str) -> str:
        """The dotted name of what a module imports as `dotted`: a script's neighbours come before
        what is found from the sources' folder on."""
        return self.beside[module.path].get(dotted, dotted)

    def source_of(self, node: ast.AST) -> str:
        """The text of a node of the modules at hand, written out once."""
        text = self.sources.get(id(node))
        if text is None:
            text = node.id if isinstance(node, ast.Name) else ast.unparse(node)
            self.sources[id(node)] = text
        return text

    def steps_of_naming(self, node: ast.expr) -> int:
        """In how many steps an expression is evaluated that only names something: a constant, a
        variable, or an attribute that is no property at hand; 0: it is another one."""
        steps = 1
        while isinstance(node, ast.Attribute):
            if node.attr in self.properties:
                return 0
            node = node.value
            steps += 1
        return steps if type(node) in NAMING else 0

    def idle_part(self, node: ast.expr) -> Idle | None:
        """What a node of the modules at hand takes that does nothing, found out once. Most are
        alike, and kept once."""
        try:
            return self.idle[id(node)]
        except KeyError:
            found = idle(node, self.followed)
            found = self.idle[id(node)] = self.kinds_of_idle.setdefault(found, found)
            return found

    def path_of(self, node: ast.expr) -> tuple[str, ...]:
        """The names of the attribute path by which a node of the modules at hand calls, put
        together once."""
        path = self.paths.get(id(node))
        if path is None:
            path = self.paths[id(node)] = path_of(node)
        return path

    def makes_agent(self, definition: FunctionDefinition) -> bool:
        """Whether a function makes an object that may ask a model, and says so by its name. Of a
        mere `get`, dicts have one, too."""
        if definition.name == "get":
            return False
        is_maker = not MAKING.isdisjoint(words_of(definition.name)[:1])
        return is_maker and not self.agents.isdisjoint(names_called(definition))

    def makes_agents(self, node: ast.AST) -> bool:
        """Whether objects that may ask a model are made in a node of the modules at hand, or by a
        function that is called in it, as their names tell."""
        makes = self.making.get(id(node))
        if makes is None:
            names = {last_name(one.func) for one in walk(node) if isinstance(one, ast.Call)}
            makes = self.making[id(node)] = not names.isdisjoint(self.agents | self.factories)
        return makes

    @cached_property
    def routines(self) -> dict[FunctionDefinition, frozenset[int]]:
        """The functions that go round beside others without an end, with the numbers of their
        loops."""
        definitions = [one for module in self.modules.values() for one in module.functions.values()]
        return {
            one: frozenset(map(self.loop_number, loops))
            for one, loops in routines_among(definitions).items()
        }

    def loop_number(self, node: ast.AST) -> int:
        return self.loop_numbers.setdefault(id(node), len(self.loop_numbers) + 1)


def aliases_in(module: Module) -> Iterator[tuple[str, ast.expr]]:
    """The names that a module's top level gives annotations: `Name = Annotated[…]`."""
    for statement in module.tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Subscript):
            target = statement.targets[0]
            if last_name(statement.value.value) == ANNOTATED and isinstance(target, ast.Name):
                yield target.id, statement.value


ANNOTATED = "Annotated"
NAMING = of_kinds(ast.Name, ast.Constant)


def calls_itself(definition: FunctionDefinition) -> bool:
    return definition.name in names_called(definition)


MAKING = frozenset("make create build new get init setup spawn".split())
"""Words that the names of functions that make something begin with."""


def may_ask(definition: ClassDefinition, reaching: AbstractSet[FunctionDefinition]) -> bool:
    """Whether objects of a class may ask a model by a method of its own, or of a base."""
    return bool(definition.bases) or not reaching.isdisjoint(definition.methods.values())


EMPTY_BASES = frozenset("object ABC Protocol".split())
"""Bases that have nothing which a program's own classes would ask a model by."""


def modules_by_place(modules: Collection[Module], catalogue: Catalogue) -> dict[str, Module]:
    """Modules by the ends of their paths (`package.module`), where only one module ends so, and it
    is not called what a framework's package is."""
    paths = {module.path for module in modules}
    found: dict[str, Module | None] = {}
    for module in modules:
        for name in names_by_place(module.path, paths):
            found[name] = None if name in found else module
    return {
        name: module
        for name, module in found.items()
        if module is not None and name not in catalogue.packages
    }
