"""Names and attributes → values: scopes, imports between the sources, classes with their bases,
objects' fields."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from charter_engine.parser.flows.memory import APP, SESSION
from charter_engine.parser.interpreting.attributes import holder_name
from charter_engine.parser.interpreting.frames import Frame, under_way
from charter_engine.parser.interpreting.run_tools import RUN_OF_TOOLS, is_tool
from charter_engine.parser.model_calls import asking_names
from charter_engine.parser.prompts.prompt_files import path_value
from charter_engine.parser.source.symbols import (
    APPS,
    ClassDefinition,
    FunctionDefinition,
    Module,
    is_state_of_app,
)
from charter_engine.parser.source.syntax import annotation_names, last_name
from charter_engine.parser.values.candidates import each_object, in_order, place_of
from charter_engine.parser.values.joining import either, join
from charter_engine.parser.values.origins import NOTHING, Origin
from charter_engine.parser.values.values import (
    UNKNOWN,
    Box,
    Class,
    External,
    Function,
    Instance,
    Kind,
    ListEnds,
    Made,
    Member,
    Package,
    Ran,
    Type,
    Value,
    is_answer,
)

if TYPE_CHECKING:
    from charter_engine.parser.interpreting.expressions import Evaluator
    from charter_engine.parser.state import Analysis

SESSIONS = (
    "streamlit.session_state",
    "chainlit.user_session",
    "flask.session",
    "quart.session",
)
"""Stores that outlive a run of the script, or a request."""

KEPT_FOR_USERS = frozenset(("user_data", "chat_data", "bot_data"))
"""Attributes under which what a bot's handlers are given keeps something for those to come."""

RUN_BY = {
    "acall": ("aforward", "forward"),
    "batch": ("forward",),
    "run": ("_run",),
    "start": ("run",),
    "arun": ("_arun",),
    "invoke": ("_run",),
    "ainvoke": ("_arun", "_run"),
    "query": ("_query", "custom_query"),
    "aquery": ("_aquery", "acustom_query", "custom_query"),
    "retrieve": ("_retrieve",),
    "aretrieve": ("_aretrieve", "_retrieve"),
}
"""Methods that a framework's base gives a class of the program's own (DSPy's modules, tools of
LangChain and CrewAI, query engines, transforms and retrievers of LlamaIndex, threads), and what
they call of it."""

BESIDE_ANSWER = frozenset("usage usage_metadata stop_reason finish_reason".split())
"""Attributes of an answer that hold nothing of what the model said."""

NO_KINDS: frozenset[Kind] = frozenset()
CATALOGUED = frozenset((Kind, Member))
OBJECTS = (Instance, Class)
NO_GLOBALS: dict[str, Value] = {}

CALLED_THROUGH = frozenset(
    "remote local delay apply_async spawn submit fn func call stream call_async "
    "stream_async".split()
)
"""Attributes that decorators (Ray, Celery, Modal, Prefect, Mirascope, …) give a function, through
which it is called."""

ENTRY = "entrypoint"
INVOKED_BY = ("invoke", "ainvoke")
"""What LangGraph's functional API makes of a function is run by these."""


class Names:
    """Looks names and attributes up."""

    def __init__(self, analysis: Analysis, evaluator: Evaluator) -> None:
        self.program = analysis.program
        self.memory = analysis.memory
        self.findings = analysis.findings
        self.evaluator = evaluator
        self.outside: dict[str, Value] = {}
        self.inherited: dict[ClassDefinition, frozenset[Kind]] = {}
        self.annotated: dict[int, list[tuple[str, str]]] = {}
        self.annotations: dict[int, Value] = {}
        self.defaults: dict[int, tuple[Value, int]] = {}
        self.properties: dict[tuple[FunctionDefinition, frozenset[Type]], tuple[Value, int]] = {}
        self.frames: dict[str, Frame] = {}
        self.parts: dict[tuple[frozenset[Type], str], Value] = {}

    def forget(self) -> None:
        """Look classes, annotations, defaults and properties up anew: a module's top level may
        define them."""
        self.inherited.clear()
        self.annotations.clear()
        self.defaults.clear()
        self.properties.clear()

    def frame_of(self, module: Module) -> Frame:
        """A frame of a module's own, in which annotations and defaults are looked up."""
        frame = self.frames.get(module.path)
        if frame is None:
            frame = self.frames[module.path] = Frame(module, {})
        return frame

    def name(self, frame: Frame, node: ast.Name) -> Value:
        found = frame.names.get(node.id)
        is_inside = frame.function is not None
        if found is not None and (is_inside or not is_for_lack_of(frame.module, node.id, found)):
            return found
        found = self.outer_name(frame, node.id)
        if found is None and node.id == "__file__":
            return path_value(frame.module.path)
        return UNKNOWN if found is None else found

    def outer_name(self, frame: Frame, name: str) -> Value | None:
        if frame.function is not None and frame.function.outer is not None:
            for scope, _ in self.scopes_around(frame):
                if name in scope:
                    return scope[name]
        return self.global_name(frame.module, name)

    def is_free(self, frame: Frame, name: str) -> bool:
        """Whether nothing at hand, and no import, has a name: it is Python's own."""
        return name not in frame.names and self.outer_name(frame, name) is None

    def store_outer(self, frame: Frame, name: str, value: Value) -> None:
        """Store a name that a function declares `nonlocal`: one of a function that has returned
        holds what any call left."""
        for scope, is_running in self.scopes_around(frame):
            if name in scope:
                held = scope[name]
                scope[name] = value if is_running else join(held, value, name)
                self.memory.changes += held.origins != scope[name].origins
                return

    def scopes_around(self, frame: Frame) -> Iterator[tuple[dict[str, Value], bool]]:
        """The names of the functions that a function stands in, the nearest first, and whether
        each is under way."""
        outer = frame.function.outer if frame.function is not None else None
        while outer is not None:
            running = under_way(frame, outer)
            names = self.memory.closures.get(outer, {}) if running is None else running.names
            yield names, running is not None
            outer = outer.outer

    def global_name(
        self, module: Module, name: str, seen: frozenset[str] = frozenset()
    ) -> Value | None:
        found = self.memory.globals.get(module.path, NO_GLOBALS).get(name)
        is_missing = found is not None and is_for_lack_of(module, name, found)
        if found is not None and not is_missing:
            if found.box is not None:
                self.memory.opened_modules.add(module.path)
            return found
        if name in module.imports:
            dotted = self.program.imported_by(module, module.imports[name])
            return self.imported(dotted, seen | {module.path})
        for base in module.star_imports:
            source = self.program.module_named(self.program.imported_by(module, base))
            if source is not None and source.path not in seen:
                found = self.global_name(source, name, seen | {module.path})
                if found is not None:
                    return found
            if source is None and self.program.catalogue.knows(f"{base}.{name}"):
                return self.imported(f"{base}.{name}", seen)
        return None

    def imported(self, dotted: str, seen: frozenset[str] = frozenset()) -> Value:
        """What an import names: a module or a global of the sources at hand, or something outside
        them."""
        known = self.outside.get(dotted)
        if known is not None:
            return known
        module = self.program.module_named(dotted)
        base, _, name = dotted.rpartition(".")
        rebound = self.rebound_by(base, name) if module is not None else ""
        if rebound and dotted not in seen:
            return self.imported(rebound, seen | {dotted})
        package = self.program.package_of(module) if module is not None else None
        kept = self.kept_by_package(package, name) if package is not None else None
        if kept is not None:
            return kept
        is_followed = module is None and not self.program.catalogue.is_frameworks_own(dotted)
        source = self.program.module_named(base) if is_followed else None
        if source is not None and source.path not in seen:
            found = self.global_name(source, name, seen)
            if found is not None:
                return found
        if dotted in SESSIONS:
            return Value(box=self.memory.shared_box(SESSION))
        kind = External(dotted) if module is None else Package(module)
        value = Value(types=frozenset((kind,)))
        if source is None and package is None:
            self.outside[dotted] = value
        return value

    def rebound_by(self, package: str, name: str) -> str:
        """What a package imports from the module of a name under that same name (`from .team import
        team`): it stands for the module from then on; empty where it does not."""
        module = self.program.module_named(package)
        imported = module.imports.get(name) if module is not None else None
        if module is None or imported is None:
            return ""
        dotted = self.program.imported_by(module, imported)
        return dotted if dotted == f"{package}.{name}.{name}" else ""

    def kept_by_package(self, package: Module, name: str) -> Value | None:
        """What a package keeps under the name of a module of its own (`memory = Memory()`): that
        is what the name stands for from then on; None where it keeps nothing so."""
        kept = self.memory.globals.get(package.path, NO_GLOBALS).get(name)
        is_module = kept is None or any(isinstance(kind, Package) for kind in kept.types)
        return None if is_module else kept

    def attribute(self, frame: Frame, node: ast.Attribute) -> Value:
        value = self.evaluator.evaluate(frame, node.value)
        if is_state_of_app(node) and not any(map(is_no_app, value.types)):
            return Value(box=self.memory.shared_box(APP))
        if frame.stored:
            name = f"{holder_name(node.value)}.{node.attr}"
            own = frame.names.get(name)
            if own is not None and any(
                self.memory.object_of(kind.definition, place_of(kind)).fields.get(node.attr)
                is frame.stored.get(name)
                for kind in value.types
                if isinstance(kind, Instance | Class)
            ):
                return own
        path = self.evaluator.files.attribute(value, node.attr) if value.types else None
        found = self.attribute_of(frame, value, node.attr) if path is None else path
        catalogue = self.program.catalogue
        may_be_called = node.attr in catalogue.verbs or node.attr in catalogue.proving
        if may_be_called and not found.types and found.box is None:
            return replace(found, source=node)
        return found

    def attribute_of(self, frame: Frame, value: Value, name: str) -> Value:
        origins = NOTHING if name in BESIDE_ANSWER else value.origins
        if not value.types and value.box is None:
            is_of_enum = name == "value" and value.pieces is not None
            return value if is_of_enum else self.kept_for_users(name).with_origins(origins)
        part = self.catalogued_part(value.types, name) if value.box is None else None
        given = self.argument_given(value, name) if part is None else part.with_origins(origins)
        if given is not None:
            return given
        found: Value | None = None
        types: set[Type] = set()
        for kind in in_order(value.types):
            if isinstance(kind, Instance) and self.holds(kind, value, name):
                continue
            if isinstance(kind, OBJECTS):
                member = self.member_of(frame, kind, value, name)
                found = either(found, member) if found and member else found or member
                if member is None:
                    kinds = self.base_kinds(kind.definition)
                    types |= {Member(inherited.name, name) for inherited in kinds}
            elif isinstance(kind, Package):
                found = join(
                    found,
                    self.global_name(kind.module, name)
                    or self.imported(f"{kind.module.name}.{name}"),
                )
            elif isinstance(kind, External):
                dotted = f"{kind.dotted}.{name}"
                if dotted in SESSIONS:
                    return Value(box=self.memory.shared_box(SESSION))
                kept = self.program.catalogue.held.get(dotted)
                types.add(External(dotted) if kept is None else Kind(kept))
            else:
                types |= part_of(kind, name)
        if value.box is not None and value.box.kind != "list":
            held = value.box.fields.get(
                name, value.box.rest if value.box.kind == "object" else None
            )
            found = join(found, held) if held is not None else found
        result = found or UNKNOWN
        if types:
            result = replace(result, types=result.types | types)
        return result.with_origins(origins)

    def catalogued_part(self, types: frozenset[Type], name: str) -> Value | None:
        """An attribute of what is of the catalogue's types alone, put together once; None where it
        may be anything else."""
        part = self.parts.get((types, name))
        if part is None:
            if not CATALOGUED.issuperset(map(type, types)):
                return None
            kinds = [kind for kind in types if isinstance(kind, Kind | Member)]
            parts = frozenset[Type]().union(*[part_of(kind, name) for kind in kinds])
            part = self.parts[types, name] = Value(types=parts)
        return part

    def kept_for_users(self, name: str) -> Value:
        """What an attribute of something unknown holds: what a bot keeps for its users."""
        is_kept = name in KEPT_FOR_USERS
        return Value(box=self.memory.shared_box(SESSION)) if is_kept else UNKNOWN

    def argument_given(self, value: Value, name: str) -> Value | None:
        """What an attribute of a library's object gives: what was said in a run, or of what the
        object was made with, the first of several arguments that it was given. The value of an
        enumeration's member is its text."""
        if name == "value" and (text := text_of_member(value)) is not None:
            return text
        answer = self.evaluator.run_answers.told(value, name)
        if answer is not None:
            return answer
        rules = self.program.catalogue.gives.get(name)
        if rules is None or value.box is None:
            return None
        kinds = [kind.name for kind in in_order(value.types) if isinstance(kind, Kind)]
        given = (one for kind in kinds for one in rules.get(kind, ()))
        return next((value.box.fields[one] for one in given if one in value.box.fields), None)

    def member_of(
        self, frame: Frame, kind: Instance | Class, value: Value, name: str
    ) -> Value | None:
        """An attribute of an object or class: what was stored in it, else what its class or bases
        define."""
        described = self.kept_by_framework(frame, kind.definition, name)
        if described is not None:
            return described
        stored: Value | None = None
        owners = self.program.lineage(kind.definition)
        place = place_of(kind)
        for owner in owners:
            held = self.memory.held_by(owner, place, name)
            if held is not None and owner is not kind.definition:
                held = self.inherited_part(held, owners)
            if held is not None and not (is_text(stored) and not is_answer(held)):
                stored = join(stored, held) if stored is not None else held
            types = self.memory.field_types.get((owner, name))
            if types and (stored is None or not stored.types):
                made = [one for one in types if isinstance(one, Made)]
                box = made[0].box if len(made) == 1 else None
                known = stored or UNKNOWN
                stored = replace(known, types=types, box=known.box or box)
        if stored is not None:
            return as_member(kind, stored)
        for owner in owners:
            method = owner.methods.get(name)
            if method is not None:
                function = Function(method, value)
                if method.is_property:
                    function = Function(method, replace(value, types=frozenset((kind,))))
                    return self.evaluator.follower.property_value(frame, function)
                return Value(types=frozenset((function,)))
        for other in RUN_BY.get(name, ()):
            if (method := self.program.method_of(kind.definition, other)) is not None:
                return Value(types=frozenset((Function(method, value),)))
        return None

    def kept_by_framework(self, frame: Frame, owner: ClassDefinition, name: str) -> Value | None:
        """What a framework keeps in an attribute of an object, or its files say of it; None for
        any other."""
        found = self.evaluator.crews.described(owner, name)
        if found is None:
            found = self.evaluator.role_turns.attribute(owner, name)
        return self.evaluator.flow_runs.state_of(frame, owner, name) if found is None else found

    def of_each_object(self, method: Function) -> list[Function]:
        """A method of each of the objects that it may be bound to, without those that have another
        of that name."""
        owner = method.definition.owner
        if method.bound is None or len(method.bound.types) < 2 or owner is None:
            return [method]
        if not self.program.may_ask(owner):
            return [method]
        objects = each_object(method.bound)
        own = [one for one in objects if self.has(one, method.definition)]
        return [replace(method, bound=one) for one in in_turn(own or objects)]

    def implementing(self, method: Function) -> list[Function]:
        """A method of an object whose class leaves something open, as each of the classes has it
        that do what is left open; none where nothing is."""
        bound = method.bound
        kinds = [kind for kind in bound.types if isinstance(kind, Instance)] if bound else []
        if bound is None or len(kinds) != 1:
            return []
        return [
            replace(
                method,
                definition=steps[0] if method.definition.is_abstract else method.definition,
                bound=replace(bound, types=frozenset((Instance(derived),))),
            )
            for derived, steps in self.program.implementing(
                kinds[0].definition, method.definition
            ).items()
        ]

    def of_its_objects(self, method: Function) -> Function:
        """A method of those of the objects it may be bound to that have no other of its name."""
        if method.bound is None or len(method.bound.types) == 1:
            return method
        own = frozenset(
            kind
            for kind in method.bound.types
            if isinstance(kind, Instance)
            and self.program.method_of(kind.definition, method.definition.name) is method.definition
        )
        return replace(method, bound=replace(method.bound, types=own)) if own else method

    def has(self, value: Value, method: FunctionDefinition) -> bool:
        """Whether an object at hand has a method, and none that overrides it."""
        kinds = [kind for kind in value.types if isinstance(kind, Instance)]
        return any(self.program.method_of(kind.definition, method.name) is method for kind in kinds)

    def inherited_part(self, held: Value, owners: list[ClassDefinition]) -> Value:
        """What a base's object holds, without what only methods said that the class overrides."""
        said = {origin for origin in held.all_origins() if self.is_overridden(origin, owners)}
        if not said:
            return held
        rest = replace(held, origins=held.origins - said)
        if held.box is None:
            return rest
        items = [item for item in held.box.items if not is_only(item.value, said)]
        fields = {name: it for name, it in held.box.fields.items() if not is_only(it, said)}
        return replace(rest, box=Box(held.box.kind, items, fields, held.box.rest))

    def is_overridden(self, origin: Origin, owners: list[ClassDefinition]) -> bool:
        site = self.findings.sites.get(origin.chain[0][0])
        method = site.function if site is not None else None
        while method is not None and method.outer is not None:
            method = method.outer
        if method is None or method.owner not in owners[1:]:
            return False
        return self.program.method_of(owners[0], method.name) is not method

    def base_kinds(self, definition: ClassDefinition) -> frozenset[Kind]:
        """What a class inherits from outside the sources, as kinds of the catalogue."""
        known = self.inherited.get(definition)
        if known is not None:
            return known
        found = {
            self.program.catalogue.kind_of_constructor(kind.dotted)
            for owner in self.program.lineage(definition)
            for base in owner.bases
            for kind in self.resolve(owner.module, base).types
            if isinstance(kind, External)
        }
        kinds = frozenset(Kind(name) for name in found if name is not None)
        self.inherited[definition] = kinds
        return kinds

    def member_names(self, definition: ClassDefinition) -> list[str]:
        """The attributes under which objects of a class that is made from a framework's team keep
        whom they lead to, where they run these by methods of their own."""
        rules = [self.program.catalogue.kinds[kind.name] for kind in self.base_kinds(definition)]
        return [name for rule in rules if rule.leads_in for name in rule.members]

    def with_base_kinds(self, value: Value) -> Value:
        """An object of a class at hand as what its class inherits as well."""
        kinds = [
            kind
            for instance in value.types
            if isinstance(instance, Instance)
            for kind in self.base_kinds(instance.definition)
        ]
        return replace(value, types=value.types.union(kinds)) if kinds else value

    def named_kinds(self, frame: Frame, types: frozenset[Type]) -> frozenset[Kind]:
        """What the catalogue takes objects of other modules' classes for by the names of these
        alone: the sources at hand may be those of a framework."""
        named = {
            kind.definition.name
            for kind in types
            if type(kind) is Instance and kind.definition.module is not frame.module
        }
        if not named:
            return NO_KINDS
        found = map(self.program.catalogue.kind_of_annotation, named)
        return frozenset(Kind(name) for name in found if name is not None)

    def holds(self, kind: Instance, value: Value, name: str) -> bool:
        """Whether an object is a record that holds a field itself, whatever others of its class
        hold."""
        box = value.box
        return box is not None and name in box.fields and self.program.is_record(kind.definition)

    def inherits_unknown(self, definition: ClassDefinition) -> bool:
        """Whether a class has a base that isn't among the sources at hand."""
        return any(
            not any(isinstance(kind, Class) for kind in self.resolve(owner.module, base).types)
            for owner in self.program.lineage(definition)
            for base in owner.bases
            if base not in ("object", "ABC", "abc.ABC", "Protocol")
        )

    def resolve(self, module: Module, dotted: str) -> Value:
        """A dotted name as a module sees it at its top level."""
        first, _, rest = dotted.partition(".")
        value = self.global_name(module, first)
        if value is None:
            return Value(types=frozenset((External(dotted),))) if dotted else UNKNOWN
        for part in rest.split(".") if rest else []:
            value = self.attribute_of(self.frame_of(module), value, part)
        return value

    def annotated_types(self, frame: Frame, annotation: ast.expr | None) -> Value:
        """What an annotation says a value is: a class at hand, a kind of the catalogue, or a
        context that carries an object of a class at hand."""
        if annotation is None:
            return UNKNOWN
        known = self.annotations.get(id(annotation))
        if known is not None:
            return known
        if (carried := carried_by(annotation)) is not None:
            value = self.annotated_types(frame, carried)
            fields = dict.fromkeys(CONTEXT_FIELDS, value) if value.types else {}
            return Value(box=Box("object", fields=fields)) if fields else UNKNOWN
        found: set[Any] = set()
        names = self.annotated.get(id(annotation))
        if names is None:
            names = annotation_names(annotation, frame.module.imports)
            self.annotated[id(annotation)] = names
        for name, dotted in names:
            value = self.resolve(frame.module, name)
            found |= {Instance(kind.definition) for kind in value.types if isinstance(kind, Class)}
            kind_name = self.program.catalogue.kind_of_annotation(name.rpartition(".")[2], dotted)
            if kind_name is not None and not found:
                found.add(Kind(kind_name))
            elif not found and asking_names.is_model_class(dotted, self.program.catalogue):
                found.add(Kind("model"))
        value = self.annotations[id(annotation)] = Value(types=frozenset(found))
        return value


def is_for_lack_of(module: Module, name: str, held: Value) -> bool:
    """Whether a module's name is None for lack of what it imports by it: `except ImportError:
    OpenAI = None`."""
    return held.constant == (None,) and name in module.imports


CONTEXT_FIELDS = ("state", "deps", "context")
"""Under which frameworks' contexts (`GraphRunContext[State]`, `RunContext[Deps]`,
`RunContextWrapper[Context]`) carry what they are made with."""


def carried_by(annotation: ast.expr) -> ast.expr | None:
    """The annotation of what a framework's context carries; None for any other annotation."""
    if not isinstance(annotation, ast.Subscript):
        return None
    if not last_name(annotation.value).endswith(("Context", "ContextWrapper")):
        return None
    inside = annotation.slice
    return inside.elts[0] if isinstance(inside, ast.Tuple) and inside.elts else inside


def part_of(kind: Function | Kind | Made | Member | Ran | ListEnds, name: str) -> set[Type]:
    """What an attribute of something of a catalogue's kind is, or of a function that a decorator
    made an object."""
    if isinstance(kind, Kind):
        return {Member(kind.name, name)}
    if isinstance(kind, Member):
        return {Member(kind.kind, f"{kind.path}.{name}")}
    if not isinstance(kind, Function):
        return set()
    decorated = {name.rpartition(".")[2] for name in kind.definition.decorators}
    is_entry = ENTRY in decorated and name in INVOKED_BY
    is_run = name in RUN_OF_TOOLS and is_tool(kind.definition)
    return {with_task(kind)} if name in CALLED_THROUGH or is_entry or is_run else set()


def with_task(function: Function) -> Function:
    """A function that Celery gives the task itself before all else (`@app.task(bind=True)`), bound
    to that; any other as it is."""
    is_bound = any(
        keyword.arg == "bind" and isinstance(keyword.value, ast.Constant) and keyword.value.value
        for decorator in getattr(function.definition.node, "decorator_list", ())
        for keyword in getattr(decorator, "keywords", ())
    )
    return replace(function, given=(UNKNOWN, *function.given)) if is_bound else function


def as_member(kind: Instance | Class, held: Value) -> Value:
    """What a class or an object holds; a text of an enumeration that has methods is an object of
    it, too."""
    owner = kind.definition
    is_text_alone = held.pieces is not None and not held.types
    is_object = is_text_alone and owner.methods and owner.is_enum and isinstance(kind, Class)
    return replace(held, types=frozenset((Instance(owner),))) if is_object else held


def text_of_member(value: Value) -> Value | None:
    """The text that a member of an enumeration is; None for anything else."""
    is_member = value.pieces is not None and any(
        isinstance(kind, Instance) and kind.definition.is_enum for kind in value.types
    )
    return replace(value, types=frozenset()) if is_member else None


def is_no_app(kind: Type) -> bool:
    """Whether something that is called an app is none of a web framework's: an object or a package
    of the program's own."""
    if isinstance(kind, External):
        return kind.dotted.partition(".")[0] in APPS
    return not isinstance(kind, Kind | Member)


def in_turn(objects: Sequence[Value]) -> list[Value]:
    """Objects so that one of each class comes before a second of any: a call leads to the first of
    many only."""
    seen: Counter[frozenset[ClassDefinition]] = Counter()
    turns: list[int] = []
    for one in objects:
        classes = frozenset(kind.definition for kind in one.types if isinstance(kind, Instance))
        turns.append(seen[classes])
        seen[classes] += 1
    return [one for _, one in sorted(zip(turns, objects, strict=True), key=itemgetter(0))]


def is_text(value: Value | None) -> bool:
    """Whether a value is text that all stands in the source: a class replaces its base's."""
    return value is not None and not value.origins and bool(value.static_text())


def is_only(value: Value, said: set[Origin]) -> bool:
    """Whether all that a value is made of is among the outputs in `said`."""
    origins = value.all_origins()
    return bool(origins) and origins <= said
